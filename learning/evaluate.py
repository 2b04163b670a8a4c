"""What a model is worth: accuracy, how much it decides alone at its threshold, and whether its confidence is honest."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.categories import CATEGORIES
from learning.calibrate import expected_calibration_error, negative_log_likelihood
from learning.datasets import Sample, Split


@dataclass(frozen=True)
class Scores:
    """Figures over `count` pictures, each a share in [0, 1] but `nll` (nats).

    `coverage` is the share with a confidence of at least the threshold, `accepted_accuracy` the accuracy among those.
    """

    count: int
    accuracy: float
    coverage: float
    accepted_accuracy: float
    calibration_error: float
    nll: float


def score(probabilities: NDArray[np.float64], labels: NDArray[np.int64], threshold: float) -> Scores:
    """Return the figures of `probabilities` [n, 5] against `labels` [n], n > 0."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    accepted = confidence >= threshold
    return Scores(
        count=len(labels),
        accuracy=float(correct.mean()),
        coverage=float(accepted.mean()),
        accepted_accuracy=float(correct[accepted].mean()) if accepted.any() else float("nan"),
        calibration_error=expected_calibration_error(confidence, correct),
        nll=negative_log_likelihood(probabilities, labels),
    )


def score_by_source(samples: Sequence[Sample], probabilities: NDArray[np.float64], threshold: float) -> dict[str, Scores]:
    """Return the figures by `source/split` and `source/split/category`, for the pictures of the five categories.

    `probabilities` is [n, 5], a row for each sample. One figure over all sources would hide that a model knows one
    source and fails on another.
    """
    groups: dict[str, list[int]] = {}
    for index, sample in enumerate(samples):
        if sample.category is not None:
            groups.setdefault(f"{sample.source}/{sample.split}", []).append(index)
            groups.setdefault(f"{sample.source}/{sample.split}/{sample.category}", []).append(index)
    labels = np.array([-1 if s.category is None else CATEGORIES.index(s.category) for s in samples], np.int64)
    return {name: score(probabilities[rows], labels[rows], threshold) for name, rows in sorted(groups.items())}


def false_confidence(samples: Sequence[Sample], probabilities: NDArray[np.float64], threshold: float) -> float:
    """Return the share of the pictures of none of the five categories that the model would decide alone; nan without."""
    rows = [index for index, sample in enumerate(samples) if sample.split is Split.OOD]
    return float((probabilities[rows].max(axis=1) >= threshold).mean()) if rows else float("nan")


def format_scores(scores: Mapping[str, Scores]) -> Iterable[str]:
    """Yield the lines of a table for people, in percent."""
    yield f"{'source/split/category':36} {'n':>5} {'right':>6} {'decided':>8} {'of them right':>14} {'ECE':>6}"
    for name, s in scores.items():
        yield (f"{name:36} {s.count:5d} {s.accuracy:6.1%} {s.coverage:8.1%} {s.accepted_accuracy:14.1%} {s.calibration_error:6.3f}")
