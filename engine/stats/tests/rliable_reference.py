"""Writes rliable.json beside this file: a matrix, and what rliable and SciPy say of it.

    python -m venv v && v/bin/pip install rliable==1.2.0 arch==7.2.0 numpy==2.4.6 scipy==1.17.1 "pandas<3"
    v/bin/python rliable_reference.py
"""

import json
import pathlib

import arch
import numpy as np
import scipy
from rliable import library, metrics
from scipy import stats

SEED = 20210831
REPS = 50_000

# Six games, as skewed as scores are; rounded so that ties occur. x has five runs, y four.
rng = np.random.RandomState(7)
scale = np.array([0.2, 0.5, 1.0, 1.0, 2.0, 8.0])
x = np.round(scale * rng.lognormal(0.0, 0.6, (5, 6)), 1)
y = np.round(0.8 * scale * rng.lognormal(0.0, 0.6, (4, 6)), 1)

AGGREGATES = {
    "mean": metrics.aggregate_mean,
    "median": metrics.aggregate_median,
    "iqm": metrics.aggregate_iqm,
    "optimality_gap": metrics.aggregate_optimality_gap,
}


def estimates(scores, function):
    np.random.seed(SEED)
    points, intervals = library.get_interval_estimates({"s": scores}, function, reps=REPS)
    return np.atleast_1d(points["s"]).tolist(), np.atleast_2d(intervals["s"].T).T.tolist()


def aggregates(scores):
    points, ends = estimates(scores, lambda s: np.array([f(s) for f in AGGREGATES.values()]))
    return {name: [points[i], ends[0][i], ends[1][i]] for i, name in enumerate(AGGREGATES)}


def improvement():
    # rliable draws a pair's two matrices independently.
    np.random.seed(SEED)
    points, intervals = library.get_interval_estimates(
        {"x,y": (x, y)}, metrics.probability_of_improvement, reps=2000)
    return [float(points["x,y"]), *np.ravel(intervals["x,y"]).tolist()]


def profile():
    at = np.array([0.0, 0.1, 0.4, 0.8, 1.0, 2.0, 5.0, 20.0])
    np.random.seed(SEED)
    shares, intervals = library.create_performance_profile({"x": x}, at, reps=REPS)
    return {"at": at.tolist(), "share": shares["x"].tolist(),
            "low": intervals["x"][0].tolist(), "high": intervals["x"][1].tolist()}


def curve():
    # Runs × games × points: the sample efficiency curve of rliable's example.
    frames = x[:, :, None] * np.array([0.1, 0.5, 1.0]) + np.array([0.0, 0.3, 0.0])
    points, ends = estimates(
        frames, lambda s: np.array([metrics.aggregate_iqm(s[..., f]) for f in range(s.shape[-1])]))
    return {"factors": [0.1, 0.5, 1.0], "offsets": [0.0, 0.3, 0.0],
            "iqm": points, "low": ends[0], "high": ends[1]}


def tests(a, b):
    welch = stats.ttest_ind(a, b, equal_var=False)
    rank = stats.mannwhitneyu(a, b, alternative="two-sided", method="auto")
    return {"x": list(map(float, a)), "y": list(map(float, b)),
            "welch": [float(welch.statistic), float(welch.pvalue)],
            "mann_whitney": [float(rank.statistic), float(rank.pvalue)]}


reference = {
    "versions": {"rliable": "1.2.0", "arch": arch.__version__, "numpy": np.__version__,
                 "scipy": scipy.__version__},
    "seed": SEED, "reps": REPS, "improvement_reps": 2000,
    "x": x.tolist(), "y": y.tolist(),
    "aggregates": {"x": aggregates(x), "y": aggregates(y)},
    "improvement": improvement(),
    "profile": profile(),
    "curve": curve(),
    "tests": [
        tests([1, 2, 3], [4, 5, 6]),
        tests([4, 5, 6], [1, 2, 3]),
        tests([1, 2, 3, 7], [4, 5, 6, 8, 9]),
        tests([20.1, 19.2, 18.9, 20.5], [17.0, 20.3, 12.2, 16.8]),
        tests([1, 2, 2, 3, 9], [2, 4, 4, 8]),
        tests(list(range(0, 120, 2)), list(range(5, 137, 2))),
    ],
}
path = pathlib.Path(__file__).with_name("rliable.json")
path.write_text(json.dumps(reference, indent=1) + "\n")
