"""Plots of what was simulated: a storm by the minute, and lateness against cost."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

from benchmarks.scaling.compare import Result
from benchmarks.scaling.demand import DAY_S, STEP_S, storm

mpl.use("Agg")
import matplotlib.pyplot as plt

_SHOWN = ("queue length", "CPU 60 %", "ECS, backlog and load", "KEDA", "waste fleet scale")
_FROM_S, _TO_S = DAY_S + 20.25 * 3600, DAY_S + 22 * 3600
_MARKS = {"peaks": "o", "storm": "^", "outage": "s"}


def plot_storm(results: Sequence[Result], bins: int, seed: int, path: Path) -> None:
    """Draw workers and waiting times in a storm, for each policy."""
    within = slice(int(_FROM_S // STEP_S), int(_TO_S // STEP_S))
    minutes = (np.arange(within.start, within.stop) * STEP_S - DAY_S - 20.5 * 3600) / 60
    figure, (rate, workers, age) = plt.subplots(3, 1, figsize=(8, 7), sharex=True, layout="constrained")
    coming = storm(bins, seed).rate[within].reshape(-1, 60 // STEP_S).mean(axis=1)
    rate.plot(minutes[:: 60 // STEP_S], coming, color="0.3")
    rate.set_ylabel("events/s")
    for one in results:
        if one.policy in _SHOWN:
            workers.step(minutes, one.run.workers[within], label=one.policy)
            age.plot(minutes, np.maximum(one.run.age_s[within], 1), label=one.policy)
    workers.set_ylabel("workers that run")
    age.set(ylabel="seconds waited", yscale="log", xlabel="minutes since the match ended")
    age.axhline(60, color="0.6", linestyle=":")
    workers.legend(fontsize=8, frameon=False, loc="upper right", ncols=2)
    _save(figure, path)


def plot_trade(results: Sequence[Result], path: Path) -> None:
    """Draw late events against cost: a point for each policy and demand."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    names = list(dict.fromkeys(one.policy for one in results))
    # Without the grey of the demands' marks.
    colours = dict(zip(names, [*plt.get_cmap("tab10").colors[:7], "black"], strict=True))
    for one in results:
        axes.scatter(one.cost, max(one.run.late_share * 100, 0.01), color=colours[one.policy], marker=_MARKS[one.demand], s=40)
    for name in names:
        axes.scatter([], [], color=colours[name], label=name)
    for name, mark in _MARKS.items():
        axes.scatter([], [], facecolors="none", edgecolors="0.4", marker=mark, label=name)
    axes.set(xlabel="workers paid for, as a multiple of the work", ylabel="% of events decided after 60 s", yscale="log")
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    _save(figure, path)


def _save(figure: "plt.Figure", path: Path) -> None:
    figure.savefig(path, dpi=100)
    plt.close(figure)
