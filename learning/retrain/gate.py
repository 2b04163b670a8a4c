"""Whether a new model may be tried at all: better on what is recent by more than chance, and nowhere much worse. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from contracts.categories import CATEGORIES
from learning.calibrate import expected_calibration_error
from learning.evaluate import Answers

FEWEST_RECENT = 60
CHANCE = 0.05
MOST_LOST = 0.02
MOST_CALIBRATION_ERROR = 0.05
SLOWEST = 1.2
_ROUNDING = 1e-9
FEWEST_GOLDEN = 50
"""Of a category: with fewer pictures a single one is more than the two points that it may lose."""
MOST_TO_PEOPLE = 0.5
"""After a shift a new model is rightly less sure than the one that is sure and wrong; but people have but so many hours."""


@dataclass(frozen=True, slots=True)
class Compared:
    """How often two models are right on the same pictures, shares in [0, 1], nan without any."""

    pictures: int
    candidate: float
    champion: float
    better: int
    worse: int


@dataclass(frozen=True, slots=True)
class Examination:
    """Figures of a candidate beside the champion; see `examine`."""

    recent: Compared
    golden: Mapping[str, Compared]
    occurring: tuple[str, ...]
    """The categories that the field shows: of each the golden set has to have enough."""
    calibration_error: float
    champion_calibration_error: float
    to_people: float
    champion_to_people: float
    agreement: float
    slower: float
    finite: bool


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether the gate was passed; `reasons` say why not, one a bound that was broken."""

    passed: bool
    reasons: tuple[str, ...] = ()
    figures: Examination | None = field(default=None)


def examine(candidate: Answers, champion: Answers, recent: NDArray[np.bool_], slower: float) -> Examination:
    """Compare two models on the same pictures of the five categories, of which `recent` [n] are the field's, the others golden.

    `slower` is the candidate's time for a picture by the champion's.
    """
    labels, golden = candidate.labels, ~recent
    by_category = {
        category.value: _compared(candidate, champion, golden & (labels == index)) for index, category in enumerate(CATEGORIES)
    }
    known = recent if recent.any() else golden
    ours, theirs = (answers.probabilities.argmax(axis=1) for answers in (candidate, champion))
    return Examination(
        recent=_compared(candidate, champion, recent),
        golden={name: found for name, found in by_category.items() if found.pictures},
        occurring=tuple(category.value for index, category in enumerate(CATEGORIES) if (labels[recent] == index).any()),
        calibration_error=expected_calibration_error(candidate.confidence, candidate.correct),
        champion_calibration_error=expected_calibration_error(champion.confidence, champion.correct),
        to_people=1 - _share(candidate.decided[known]),
        champion_to_people=1 - _share(champion.decided[known]),
        agreement=_share((ours == theirs)[known]),
        slower=slower,
        finite=bool(np.isfinite(candidate.probabilities).all()),
    )


def _share(rows: NDArray[np.bool_]) -> float:
    return float(rows.mean()) if len(rows) else float("nan")


def _compared(candidate: Answers, champion: Answers, rows: NDArray[np.bool_]) -> Compared:
    ours, theirs = candidate.correct[rows], champion.correct[rows]
    if not len(ours):
        return Compared(0, float("nan"), float("nan"), 0, 0)
    return Compared(len(ours), float(ours.mean()), float(theirs.mean()), int((ours & ~theirs).sum()), int((theirs & ~ours).sum()))


def judge(found: Examination) -> Gate:
    """Return whether a candidate passes."""
    reasons = tuple(
        reason for reason in (*_on_recent(found.recent), *_on_golden(found.golden, found.occurring), *_bounds(found)) if reason
    )
    return Gate(not reasons, reasons, found)


def _on_recent(recent: Compared) -> list[str]:
    if recent.pictures < FEWEST_RECENT:
        return [f"recent: {recent.pictures} labelled pictures of the field examine it, and {FEWEST_RECENT} are the fewest"]
    differing = recent.better + recent.worse
    chance = float(binomtest(recent.better, differing, 0.5, alternative="greater").pvalue) if differing else 1.0
    if chance <= CHANCE:
        return []
    gained = f"{recent.candidate:.1%} right, the champion {recent.champion:.1%}"
    return [f"recent: not better by more than chance ({gained}, {recent.better} better and {recent.worse} worse, p {chance:.2f})"]


def _on_golden(golden: Mapping[str, Compared], occurring: Sequence[str]) -> list[str]:
    few = [name for name in occurring if name not in golden or golden[name].pictures < FEWEST_GOLDEN]
    if few:
        there = ", ".join(f"{golden[name].pictures if name in golden else 0} of {name}" for name in few)
        return [f"golden: {FEWEST_GOLDEN} pictures of a category are the fewest, and there are {there}"]
    return [
        f"golden, {name}: {one.candidate:.1%} of {one.pictures} right, the champion {one.champion:.1%}"
        for name, one in golden.items()
        if one.champion - one.candidate > MOST_LOST + _ROUNDING
    ]


def _bounds(found: Examination) -> list[str]:
    most = max(MOST_CALIBRATION_ERROR, found.champion_calibration_error)
    return [
        "" if found.finite else "output: it makes numbers that are none",
        ""
        if found.calibration_error <= most
        else f"calibration: its confidence is off by {found.calibration_error:.3f}, at most {most:.3f} are allowed",
        "" if found.slower <= SLOWEST else f"speed: a picture takes {found.slower:.2f} times as long as with the champion",
        ""
        if math.isnan(found.to_people) or found.to_people <= max(MOST_TO_PEOPLE, found.champion_to_people)
        else f"people: {found.to_people:.1%} would go to them, with the champion {found.champion_to_people:.1%}",
    ]
