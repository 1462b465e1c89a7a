"""Whole training on Pong with Stable-Baselines3: emulation, acting and learning. Prints frames a second as JSON.

  a2c   its zoo's settings: 16 environments, 5 steps, RMSProp as in TensorFlow 1
  dqn   batch 32, one update every 4 agent steps for any number of environments, ε 0.01, target network every 10,000
        steps, 50,000 transitions; the clock runs only while it learns

Emulator frames, four an agent step.
"""

import argparse
import json
import time

import ale_py
import cpus
import cv2
import gymnasium
import torch
from stable_baselines3 import A2C, DQN
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike
from stable_baselines3.common.vec_env import SubprocVecEnv, VecFrameStack

FRAMES_PER_STEP = 4
LEARNING_STARTS = 1000
STEPS, UPDATE_EVERY = 5, 4
WARM_UP = 400  # agent steps


def environments(count, subprocesses):
    kind = {"vec_env_cls": SubprocVecEnv, "vec_env_kwargs": {"start_method": "fork"}} if subprocesses else {}
    return VecFrameStack(make_atari_env("PongNoFrameskip-v4", n_envs=count, seed=0, **kind), n_stack=4)


def a2c(envs, device):
    return A2C(
        "CnnPolicy",
        envs,
        n_steps=STEPS,
        ent_coef=0.01,
        vf_coef=0.25,
        device=device,
        seed=0,
        policy_kwargs={"optimizer_class": RMSpropTFLike, "optimizer_kwargs": {"eps": 1e-5, "alpha": 0.99}},
    )


def dqn(envs, device):
    return DQN(
        "CnnPolicy",
        envs,
        learning_rate=1e-4,
        buffer_size=50_000,
        learning_starts=LEARNING_STARTS,
        batch_size=32,
        # Steps of all environments together, and as many updates as that makes at one every four agent steps.
        train_freq=UPDATE_EVERY,
        gradient_steps=envs.num_envs,
        target_update_interval=10_000,
        exploration_initial_eps=0.01,
        exploration_final_eps=0.01,
        device=device,
        seed=0,
        optimize_memory_usage=True,
        replay_buffer_kwargs={"handle_timeout_termination": False},
    )


class Clock(BaseCallback):
    """Notes agent steps and time at every rollout, which is when an update has just been made."""

    def __init__(self):
        super().__init__()
        self.at = []

    def _on_step(self):
        return True

    def _on_rollout_start(self):
        self.at.append((self.num_timesteps, time.perf_counter()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithm", choices=["a2c", "dqn"], default="a2c")
    parser.add_argument("--envs", type=int, default=16)
    parser.add_argument("--subprocesses", action="store_true", help="a process for each environment, not one for all")
    parser.add_argument("--steps", type=int, help="agent steps that the clock runs for [a2c 5000, dqn 1200]")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    cpus.pin(args.threads)
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)  # for an image this small a second thread only costs
    gymnasium.register_envs(ale_py)

    envs = environments(args.envs, args.subprocesses)
    device = "cuda" if args.device == "gpu" else "cpu"
    model = {"a2c": a2c, "dqn": dqn}[args.algorithm](envs, device)
    clock = Clock()
    start = WARM_UP + (LEARNING_STARTS if args.algorithm == "dqn" else 0)
    steps = args.steps or {"a2c": 5000, "dqn": 1200}[args.algorithm]
    model.learn(start + steps + 2 * args.envs * STEPS, callback=clock)
    envs.close()
    learning = [moment for moment in clock.at if moment[0] >= start]
    (first, began), (last, ended) = learning[0], learning[-1]
    frames_per_s = FRAMES_PER_STEP * (last - first) / (ended - began)
    print(json.dumps({"unit": "frames/s", "median": frames_per_s, "best": frames_per_s}))


if __name__ == "__main__":
    main()
