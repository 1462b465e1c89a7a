"""Stable-Baselines3's A2C on Pong as its zoo sets it up: 16 environments, 5 steps, Nature network, TensorFlow-like RMSProp.

Prints {"frames_per_s"} as JSON: emulator frames, four a step, over updates after a warm-up.
"""

import argparse
import json
import time

import ale_py
import gymnasium
import torch
from stable_baselines3 import A2C
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike
from stable_baselines3.common.vec_env import SubprocVecEnv, VecFrameStack

ENVS, STEPS = 16, 5

gymnasium.register_envs(ale_py)


class Clock(BaseCallback):
    """Notes the time at every rollout."""

    def __init__(self):
        super().__init__()
        self.at = []

    def _on_step(self):
        return True

    def _on_rollout_start(self):
        self.at.append(time.perf_counter())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--subprocesses", action="store_true", help="an environment a process, not all in one")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    kind = {"vec_env_cls": SubprocVecEnv, "vec_env_kwargs": {"start_method": "fork"}} if args.subprocesses else {}
    envs = VecFrameStack(make_atari_env("PongNoFrameskip-v4", n_envs=ENVS, seed=0, **kind), n_stack=4)
    model = A2C(
        "CnnPolicy", envs, n_steps=STEPS, ent_coef=0.01, vf_coef=0.25, device="cpu", seed=0,
        policy_kwargs={"optimizer_class": RMSpropTFLike, "optimizer_kwargs": {"eps": 1e-5, "alpha": 0.99}},
    )
    clock = Clock()
    model.learn((args.updates + 6) * ENVS * STEPS, callback=clock)
    at = clock.at[5:]
    frames = 4 * ENVS * STEPS * (len(at) - 1)
    print(json.dumps({"frames_per_s": frames / (at[-1] - at[0])}))
    envs.close()


if __name__ == "__main__":
    main()
