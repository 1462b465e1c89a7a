"""What the scripts for PyTorch and JAX share: the network, the batches, the settings, the clock and the command line.

One update is, from bytes in host memory to new weights:

  dqn   decode obs and next_obs; y = r + γ (1 - terminated) max_a Q̂(s', a); mean Huber loss of Q(s, a) - y; backward;
        each gradient tensor clipped at norm 10; Adam
  a2c   decode obs; mean of -log π(a|s) (R - V(s)) + ¼ (R - V(s))² - 0.01 H(π), with the returns R given; backward; all
        gradients clipped at norm 0.5 together; RMSProp, whose mean square starts at 1

  act   no update: decode obs, forward, outputs back in host memory

The network is that of Mnih et al. 2015 for 4×84×84 bytes and 6 actions; a2c has one more output, the value.
"""

import argparse
import json
import statistics
import time

import cpus
import numpy as np

ACTIONS = 6
OUTPUTS = {"dqn": ACTIONS, "a2c": ACTIONS + 1, "act": ACTIONS}
OBS = (4, 84, 84)
FLAT = (64, 7, 7)  # what the convolutions give: channels, height, width
CONVS = [(32, 4, 8, 4), (64, 32, 4, 2), (64, 64, 3, 1)]  # channels out, channels in, size, stride
GAMMA = 0.99
VALUE_WEIGHT, ENTROPY_WEIGHT = 0.25, 0.01
ADAM = {"lr": 1e-4, "beta1": 0.9, "beta2": 0.999, "eps": 1e-4}
RMSPROP = {"lr": 7e-4, "decay": 0.99, "eps": 1e-5}
CLIP = {"dqn": 10.0, "a2c": 0.5}
CHECK_CLIP = {"dqn": 0.02, "a2c": 5.0}  # so small that the check sees clipping


def weights(outputs, seed=1):
    """[(weight, bias), …]: convolutions as out × in × height × width, then 512 × 3136 and outputs × 512."""
    rng = np.random.default_rng(seed)
    shapes = [(out, in_, size, size) for out, in_, size, _ in CONVS] + [(512, int(np.prod(FLAT))), (outputs, 512)]
    scale = [(2 / np.prod(shape[1:])) ** 0.5 for shape in shapes]
    return [
        (rng.normal(0, k, shape).astype(np.float32), rng.normal(0, 0.01, shape[0]).astype(np.float32))
        for k, shape in zip(scale, shapes)
    ]


def batch(what, size, seed=2):
    """The arrays that an update or a forward pass reads, by name. Observations are size × 4 × 84 × 84 bytes."""
    rng = np.random.default_rng(seed)
    obs = lambda: rng.integers(0, 256, (size, *OBS), dtype=np.uint8)  # noqa: E731
    normal = lambda: rng.normal(0, 1, size).astype(np.float32)  # noqa: E731
    arrays = {"obs": obs()}
    if what == "act":
        return arrays
    arrays["action"] = rng.integers(0, ACTIONS, size)
    if what == "a2c":
        return arrays | {"returns": normal()}
    terminated = (rng.random(size) < 0.1).astype(np.float32)
    return arrays | {"next_obs": obs(), "reward": normal(), "terminated": terminated}


def arguments(doc, modes=None):
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", choices=OUTPUTS, default="dqn")
    parser.add_argument("--batch", type=int, default=32)
    if modes:
        parser.add_argument("--mode", choices=modes, default=modes[0])
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.5, help="how long to measure, after the warm-up")
    parser.add_argument("--check", action="store_true", help="no clock: print losses and a gradient's norm")
    args = parser.parse_args()
    cpus.pin(args.threads)
    return args


def clock(step, seconds):
    """Calls `step`, which returns when its work is done, and prints milliseconds a call and of the first call."""
    start = time.perf_counter()
    step()
    first = time.perf_counter() - start
    warm_until = time.perf_counter() + min(1.0, seconds / 2)
    calls = 0
    while calls < 5 or time.perf_counter() < warm_until:
        step()
        calls += 1
    times, until = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < until:
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
    print(json.dumps({"unit": "ms", "median": statistics.median(times), "best": min(times), "first_call_s": first}))
