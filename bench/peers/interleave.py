"""Sets Kelvin's DQN update against PyTorch's on the same cores: short slices, ours and theirs by turns.

    cargo bench -p kelvin-compute --no-run      # prints the path of the bench executable
    python bench/peers/interleave.py EXECUTABLE [--python PYTHON_WITH_TORCH] [--batch 32] [--rounds 7]

Prints each round, then, as JSON, the fastest update of each side (nearest to a quiet machine) and the medians
with their ratio, which is taken within each round so that other load hits both sides alike.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
UNITS = {"ns": 1e-6, "µs": 1e-3, "ms": 1.0, "s": 1e3}


def ours(args, samples):
    """Fastest and median of divan's table: `├─ 32   fastest │ slowest │ median │ mean │ …`."""
    env = dict(os.environ, RAYON_NUM_THREADS=str(args.threads))
    command = [args.executable, "--bench", f"update::{args.batch}$", "--sample-count", str(samples), "--color", "never"]
    table = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
    row = next(line for line in table.splitlines() if re.match(rf"\W*{args.batch}\s", line))
    times = [float(value) * UNITS[unit] for value, unit in re.findall(r"([\d.]+) (ns|µs|ms|s)\b", row)]
    return times[0], times[2]


def theirs(args, samples):
    # OpenMP threads that spin while they wait do well alone but lose tenfold next to any other process.
    env = dict(os.environ, OMP_WAIT_POLICY="PASSIVE")
    script = [str(HERE / "dqn_update_torch.py"), "--batch", str(args.batch), "--threads", str(args.threads)]
    command = [args.python, *script, "--updates", str(samples)]
    result = json.loads(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout)
    return result["fastest_ms"], result["median_ms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("executable", help="bench executable of kelvin-compute")
    parser.add_argument("--python", default=sys.executable, help="a Python that has torch")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    samples = max(10, 1600 // args.batch)
    rounds = []
    for _ in range(args.rounds):
        rounds.append(ours(args, samples) + theirs(args, samples))
        print("ours {:.1f} (median {:.1f}) ms, theirs {:.1f} (median {:.1f}) ms".format(*rounds[-1]), file=sys.stderr)
    print(json.dumps({
        "batch": args.batch,
        "threads": args.threads,
        "ours_fastest_ms": min(a for a, *_ in rounds),
        "theirs_fastest_ms": min(b for *_, b, _ in rounds),
        "ours_median_ms": statistics.median(a for _, a, *_ in rounds),
        "theirs_median_ms": statistics.median(b for *_, b in rounds),
        "ratio_of_medians_per_round": statistics.median(a / b for _, a, _, b in rounds),
    }))


if __name__ == "__main__":
    main()
