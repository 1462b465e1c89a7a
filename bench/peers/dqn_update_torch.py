"""One DQN update of the Nature network in eager PyTorch, the twin of engine/compute/benches/update.rs.

Bytes to floats, target pass, online pass, Huber loss, backward, each gradient tensor clipped at norm 10,
fused Adam. Prints {"batch", "threads", "fastest_ms", "median_ms"} as JSON.
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

ACTIONS = 6


def network():
    return nn.Sequential(
        nn.Conv2d(4, 32, 8, 4), nn.ReLU(),
        nn.Conv2d(32, 64, 4, 2), nn.ReLU(),
        nn.Conv2d(64, 64, 3, 1), nn.ReLU(),
        nn.Flatten(),
        nn.Linear(3136, 512), nn.ReLU(),
        nn.Linear(512, ACTIONS),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--updates", type=int, default=50)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)

    online, target = network(), network()
    target.load_state_dict(online.state_dict())
    params = list(online.parameters())
    adam = torch.optim.Adam(params, lr=1e-4, eps=1e-4, fused=True)
    obs, next_obs = (torch.randint(0, 256, (args.batch, 4, 84, 84), dtype=torch.uint8) for _ in range(2))
    reward, terminated = torch.ones(args.batch), torch.zeros(args.batch)
    action = torch.zeros(args.batch, 1, dtype=torch.int64)

    def update():
        with torch.no_grad():
            v_next = target(next_obs.float() / 255).amax(1)
            y = reward + 0.99 * (1 - terminated) * v_next
        q = online(obs.float() / 255).gather(1, action).squeeze(1)
        adam.zero_grad(set_to_none=True)
        F.huber_loss(q, y).backward()
        for param in params:
            nn.utils.clip_grad_norm_(param, 10.0)
        adam.step()

    for _ in range(args.warmup):
        update()
    times = []
    for _ in range(args.updates):
        start = time.perf_counter()
        update()
        times.append(1e3 * (time.perf_counter() - start))
    print(json.dumps({
        "batch": args.batch,
        "threads": args.threads,
        "fastest_ms": min(times),
        "median_ms": statistics.median(times),
    }))


if __name__ == "__main__":
    main()
