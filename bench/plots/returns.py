"""Learning curves of runs, from their metrics, as an SVG: mean return of the last hundred episodes over frames.

    python bench/plots/returns.py OUT.svg "TITLE" LABEL=RUN [LABEL=RUN …]

Needs matplotlib. Faint points are single episodes.
"""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"]


def records(run):
    return [json.loads(line) for line in (pathlib.Path(run) / "metrics.jsonl").read_text().splitlines()]


def main():
    out, title, *runs = sys.argv[1:]
    # The same runs give the same file.
    plt.rcParams.update({"svg.hashsalt": "kelvin", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for colour, (label, run) in zip(COLOURS, (entry.split("=", 1) for entry in runs)):
        found = records(run)
        episodes = [(r["frames"] / 1e6, r["episode_return"]) for r in found if r["kind"] == "episode"]
        means = [(r["frames"] / 1e6, r["mean_return"]) for r in found if r["kind"] == "train" and r["mean_return"] is not None]
        axes.scatter(*zip(*episodes), s=5, color=colour, alpha=0.25, linewidths=0)
        axes.plot(*zip(*means), color=colour, linewidth=1.8, label=label)
    axes.set_title(title)
    axes.set_xlabel("frames, millions")
    axes.set_ylabel("return of an episode")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    main()
