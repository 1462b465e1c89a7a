"""Sets Kelvin's A2C against Stable-Baselines3's on the same cores: Pong, 16 environments, 5 steps, by turns.

    python bench/peers/a2c.py KELVIN [--python PYTHON_WITH_SB3] [--rounds 5] [--threads 2]

The Python needs stable-baselines3, gymnasium[atari], ale-py and opencv-python-headless. Prints each round in emulator
frames per second, then, as JSON, the medians and their ratio, which is taken within each round so that other load hits
both sides alike.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent


def ours(args):
    """Frames per second over the records of a run, the first left out."""
    script = HERE.parent.parent / "scripts" / "a2c_proper.rhai"
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "run"
        command = [args.kelvin, "train", script, "--env", "pong", "--device", "cpu", "--frames", "40k", "--quiet", "--out", out]
        subprocess.run(command, env=dict(os.environ, RAYON_NUM_THREADS=str(args.threads)), check=True)
        records = [json.loads(line) for line in (out / "timing.jsonl").read_text().splitlines()]
    first, last = records[0], records[-1]
    return 4 * (last["agent_steps"] - first["agent_steps"]) / (last["wall_s"] - first["wall_s"])


def theirs(args, *more):
    env = dict(os.environ, OMP_WAIT_POLICY="PASSIVE")
    command = [args.python, str(HERE / "a2c_sb3.py"), "--threads", str(args.threads), *more]
    return json.loads(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout)["frames_per_s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kelvin", help="the kelvin executable")
    parser.add_argument("--python", default=sys.executable, help="a Python that has Stable-Baselines3")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    rounds = []
    for _ in range(args.rounds):
        rounds.append((ours(args), theirs(args), theirs(args, "--subprocesses")))
        print("ours {:.0f}, theirs {:.0f}, theirs in subprocesses {:.0f} frames/s".format(*rounds[-1]), file=sys.stderr)
    medians = [statistics.median(column) for column in zip(*rounds)]
    print(json.dumps({
        "threads": args.threads,
        "ours": medians[0], "theirs": medians[1], "theirs_in_subprocesses": medians[2],
        "ratio": statistics.median(a / max(b, c) for a, b, c in rounds),
    }))


if __name__ == "__main__":
    main()
