"""Emulation of Pong with Atari preprocessing, stepped with random actions. Prints frames a second as JSON.

84×84 gray, four frames a step, the last two pooled, four stacked, life-loss episodes, up to 30 no-ops at the start; all
environments in lockstep. `ale` is ale-py's AtariVectorEnv, `sb3` Stable-Baselines3's wrappers with all environments in
one process, `sb3_subprocesses` a process for each.
"""

import argparse
import json
import statistics
import time

import common
import cpus
import numpy as np

FRAMES_PER_STEP = 4


def ale(envs, threads):
    from ale_py.vector_env import AtariVectorEnv

    vector = AtariVectorEnv("pong", num_envs=envs, num_threads=threads, episodic_life=True)
    vector.reset(seed=1)
    return vector.step


def envpool(envs, threads):
    import envpool

    vector = envpool.make(
        "Pong-v5",
        env_type="gymnasium",
        num_envs=envs,
        num_threads=threads,
        seed=1,
        episodic_life=True,
        reward_clip=True,
    )
    vector.reset()
    return vector.step


def sb3(envs, threads, subprocesses=False):
    import ale_py
    import cv2
    import gymnasium
    import sb3_training

    cv2.setNumThreads(1)
    gymnasium.register_envs(ale_py)
    vector = sb3_training.environments(envs, subprocesses)
    vector.reset()
    return vector.step


def sb3_subprocesses(envs, threads):
    return sb3(envs, threads, subprocesses=True)


WITH = {"ale": ale, "envpool": envpool, "sb3": sb3, "sb3_subprocesses": sb3_subprocesses}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--with", dest="name", choices=WITH, default="ale")
    parser.add_argument("--envs", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3.0)
    args = parser.parse_args()
    cpus.pin(args.threads)
    step = WITH[args.name](args.envs, args.threads)
    rng = np.random.default_rng(1)
    speeds, warm = [], False
    while len(speeds) < 8:
        # Eight slices, after one that is not counted.
        steps, start = 0, time.perf_counter()
        while time.perf_counter() < start + args.seconds / 8 or not steps:
            step(rng.integers(0, common.ACTIONS, args.envs))
            steps += 1
        if warm:
            speeds.append(FRAMES_PER_STEP * args.envs * steps / (time.perf_counter() - start))
        warm = True
    print(json.dumps({"unit": "frames/s", "median": statistics.median(speeds), "best": max(speeds)}))


if __name__ == "__main__":
    main()
