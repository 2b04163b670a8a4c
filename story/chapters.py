"""What happens when, and what must have come true at the end of each chapter."""

from collections.abc import Callable

import numpy as np
import onnx
from onnx import numpy_helper

from contracts.alerts import ACCURACY_FELL
from contracts.models import ModelState
from contracts.moves import Moves
from models import shipped_model
from story.plot import Plot
from story.scenery import Scenery

Add = Callable[[onnx.ModelProto, str], str]
"""Adds a model to the registry in somebody's name and returns its version."""
_PATIENCE_DAYS = 10
_LONGEST_TRIAL_DAYS = 14
_BAD = "bad-1"


class StoryFailed(Exception):
    """A chapter did not come true."""


def tell(plot: Plot, moves: Moves, add: Add, calm: int, scenery: Scenery) -> None:
    """Tell the whole story; raises StoryFailed at the first chapter that does not come true."""
    before = _calm_days(plot, calm, scenery)
    fallen = _change(plot, scenery)
    _better_again(plot, scenery, before, fallen)
    _a_bad_model(plot, moves, add, scenery)
    _rolled_back(plot, moves, add, scenery)


def _calm_days(plot: Plot, days: int, scenery: Scenery) -> float:
    plot.registry.set_shares(canary=0.5, shadow=1.0)  # a small city: so that a trial takes days and not weeks
    rows = [plot.day(scenery.calm(plot.number)) for _ in range(days)]
    if plot.loop.alerts.standing(ACCURACY_FELL):
        raise StoryFailed("the alert fired without a reason")
    return sum(row.right for row in rows) / len(rows)


def _change(plot: Plot, scenery: Scenery) -> float:
    plot.timeline.happened(plot.number + 1, scenery.change)
    rows = []
    for _ in range(_PATIENCE_DAYS):
        rows.append(plot.day(scenery.changed(plot.number)))
        if plot.loop.alerts.standing(ACCURACY_FELL):
            return sum(row.right for row in rows) / len(rows)
    raise StoryFailed(f"the alert did not fire within {_PATIENCE_DAYS} days")


def _better_again(plot: Plot, scenery: Scenery, before: float, fallen: float) -> None:
    enough = fallen + scenery.regained * (before - fallen)
    began_with = plot.registry.plan().champion
    for _ in range(_LONGEST_TRIAL_DAYS):
        plan = plot.registry.plan()
        if plan.shadow or plan.canary:
            scenery.taught()
        row = plot.day(scenery.changed(plot.number))
        if plan.champion != began_with and row.right >= enough:
            plot.timeline.happened(plot.number, f"accuracy comes back: {row.right:.1%}, {_lost(before, fallen)}")
            return
    raise StoryFailed(f"accuracy was not back at {enough:.1%} within {_LONGEST_TRIAL_DAYS} days, {_lost(before, fallen)}")


def _lost(before: float, fallen: float) -> str:
    return f"after {fallen:.1%}, and {before:.1%} before the change"


def _a_bad_model(plot: Plot, moves: Moves, add: Add, scenery: Scenery) -> None:
    version = add(_confused(_BAD), moves.who)
    moves.move(version, ModelState.CANARY, "pushed past the gate")
    plot.timeline.happened(plot.number, f"a bad model is pushed past the gate, as canary: {version}")
    for _ in range(_PATIENCE_DAYS):
        plot.day(scenery.changed(plot.number))
        if plot.state_of(version) is ModelState.RETIRED:
            return
    raise StoryFailed(f"the bad canary was not withdrawn within {_PATIENCE_DAYS} days")


def _rolled_back(plot: Plot, moves: Moves, add: Add, scenery: Scenery) -> None:
    version = add(_confused("bad-2"), moves.who)
    good = plot.registry.plan().champion
    moves.move(version, ModelState.CHAMPION, "a mistake")
    plot.timeline.happened(plot.number, f"{version} is made champion by mistake, and taken back by one command")
    plot.await_workers()
    gone, back = moves.roll_back("accuracy fell at once")
    plot.await_workers()
    if gone != version or good is None or back != good.version:
        raise StoryFailed(f"the roll-back went from {gone} to {back}")
    plot.day(scenery.changed(plot.number))


def _confused(version: str) -> onnx.ModelProto:
    """Return the shipped model with its categories in another order: sure of itself, and wrong."""
    model = onnx.load(shipped_model()[0])
    for constant in model.graph.initializer:
        if constant.name in {"head.weights", "head.bias"}:
            rolled = np.roll(numpy_helper.to_array(constant), 1, axis=0)
            constant.CopyFrom(numpy_helper.from_array(rolled, constant.name))
    for entry in model.metadata_props:
        entry.value = version if entry.key == "version" else entry.value
    return model
