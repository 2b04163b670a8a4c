"""Which pictures a model decides alone: risk against coverage, and the thresholds that keep a promise."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning.datasets import DatasetInvalid

NEVER = -1.0
"""The belief in what is decided alone at no threshold, which is 0 at least."""
LEAST_DECIDED = 20
"""Under so many decided pictures an error rate says nothing."""


@dataclass(frozen=True)
class Choice:
    """A threshold and what it gave on the pictures it was chosen on: shares in [0, 1]; nan for the error of nothing decided."""

    threshold: float
    decided: float
    error: float


@dataclass(frozen=True)
class RiskCoverage:
    """Row i: with the threshold `thresholds[i]` a share `coverage[i]` is decided alone, a share `risk[i]` of it wrongly.

    Thresholds fall, so coverage rises. The last one is `NEVER` where people see some pictures at any threshold: as a curve
    of risk it has them at the end, as a choice it has them not. El-Yaniv and Wiener 2010.
    """

    thresholds: NDArray[np.float64]
    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]

    @property
    def area(self) -> float:
        """The mean risk over all coverages; 0 is best."""
        return float(self.risk.mean())

    @property
    def possible(self) -> NDArray[np.bool_]:
        """Which rows a threshold can bring about [rows]."""
        return np.asarray(self.thresholds > NEVER)


def risk_coverage(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> RiskCoverage:
    """Return the curve over the distinct values of `confidence` [n], n > 0."""
    if not len(confidence):
        raise DatasetInvalid("no pictures to choose a threshold on")
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence, wrong = confidence[order], ~correct[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(sorted_confidence)), len(order) - 1)
    decided = last_of_ties + 1
    return RiskCoverage(sorted_confidence[last_of_ties], decided / len(order), np.cumsum(wrong)[last_of_ties] / decided)


def for_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_], error: float) -> Choice:
    """Return the lowest threshold at which at most a share `error` of the decided is wrong.

    Raises `DatasetInvalid` if there is none that leaves `LEAST_DECIDED` pictures.
    """
    curve = risk_coverage(confidence, correct)
    kept = np.flatnonzero(curve.possible & (curve.risk <= error) & (curve.coverage * len(confidence) >= LEAST_DECIDED))
    if not len(kept):
        raise DatasetInvalid(f"no threshold leaves {LEAST_DECIDED} pictures of which at most {error:.1%} are wrong")
    return _choice(curve, int(kept[-1]))


def for_review(confidence: NDArray[np.float64], correct: NDArray[np.bool_], share: float) -> Choice:
    """Return the highest threshold that sends at most a share `share` of the pictures to people.

    Raises `DatasetInvalid` if more than that go to people at any threshold.
    """
    curve = risk_coverage(confidence, correct)
    kept = np.flatnonzero(curve.possible & (1.0 - curve.coverage <= share + 1e-9))
    if not len(kept):
        sent = math.ceil(float(np.mean(confidence == NEVER)) * 1e4) / 1e4
        raise DatasetInvalid(f"the outlier score alone sends {sent:.2%} of the pictures to people, at any threshold: allow as much")
    return _choice(curve, int(kept[0]))


def _choice(curve: RiskCoverage, index: int) -> Choice:
    return Choice(float(curve.thresholds[index]), float(curve.coverage[index]), float(curve.risk[index]))
