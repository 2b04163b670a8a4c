"""What a model is worth: how often it is right, what it decides alone, whether its confidence is honest, what it does not know."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from contracts.categories import CATEGORIES
from learning.calibrate import expected_calibration_error, negative_log_likelihood
from learning.datasets import DatasetInvalid, Sample, Split
from learning.features import labels_of
from learning.selection import NEVER, risk_coverage

CERTAINTY = 0.95
BROKEN = "broken cameras"
"""The name of pictures that were spoiled for judging; no manifest has them."""


@dataclass(frozen=True)
class Share:
    """`hits` of `count` as a share in [0, 1], with its 95 % interval by Wilson; nan without any."""

    value: float
    low: float
    high: float
    hits: int
    count: int

    @classmethod
    def of(cls, hits: NDArray[np.bool_]) -> Self:
        """Return the share of what is true."""
        if not len(hits):
            return cls(float("nan"), float("nan"), float("nan"), 0, 0)
        interval = binomtest(int(hits.sum()), len(hits)).proportion_ci(CERTAINTY, method="wilson")
        return cls(float(hits.mean()), float(interval.low), float(interval.high), int(hits.sum()), len(hits))


@dataclass(frozen=True)
class Answers:
    """What a model says of pictures: `probabilities` float64 [n, 5], `outlier_scores` [n] or None, and its thresholds."""

    samples: tuple[Sample, ...]
    probabilities: NDArray[np.float64]
    outlier_scores: NDArray[np.float64] | None
    threshold: float
    outlier_threshold: float | None

    @property
    def labels(self) -> NDArray[np.int64]:
        """The index in `CATEGORIES` of what each picture shows, int64 [n]; -1 for none of the five."""
        return labels_of(self.samples)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The best probability of each picture [n]."""
        return np.asarray(self.probabilities.max(axis=1))

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the best category is the true one [n]; never for none of the five."""
        return np.asarray(self.probabilities.argmax(axis=1) == self.labels)

    @property
    def belief(self) -> NDArray[np.float64]:
        """The confidence [n], `NEVER` for what is too much of an outlier to be decided alone at any threshold."""
        if self.outlier_scores is None or self.outlier_threshold is None:
            return self.confidence
        return np.where(self.outlier_scores > self.outlier_threshold, NEVER, self.confidence)

    @property
    def decided(self) -> NDArray[np.bool_]:
        """Whether the fleet would decide the picture alone [n]."""
        return np.asarray(self.belief >= self.threshold)

    def where(self, rows: NDArray[np.bool_]) -> Self:
        """Return the answers of the chosen rows."""
        samples = tuple(sample for sample, chosen in zip(self.samples, rows, strict=True) if chosen)
        scores = None if self.outlier_scores is None else self.outlier_scores[rows]
        return type(self)(samples, self.probabilities[rows], scores, self.threshold, self.outlier_threshold)


@dataclass(frozen=True)
class Scores:
    """Figures of pictures of the five categories; `nll` in nats, `risk` the mean error over all coverages."""

    right: Share
    decided: Share
    decided_right: Share
    calibration_error: float
    nll: float
    risk: float


@dataclass(frozen=True)
class CategoryScores:
    """`recall`: of this category's pictures, those called so. `precision`: of those called so, this category's."""

    precision: Share
    recall: Share


@dataclass(frozen=True)
class OutlierScores:
    """Of pictures of none of the five: how many go to people, and how well the scores tell them from the others.

    `separation` is the area under the ROC curve of the outlier score, of the confidence if there is none: 1 is perfect.
    """

    sent_to_people: Share
    separation: float


@dataclass(frozen=True)
class Evaluation:
    """All figures of one set of answers; `slices` by source and split, and below them by category.

    `confusion[i][j]` counts the pictures of category i that were called j; `splits` are those of what is not a slice.
    """

    overall: Scores
    slices: Mapping[str, Scores]
    categories: Mapping[str, CategoryScores]
    confusion: tuple[tuple[int, ...], ...]
    outliers: Mapping[str, OutlierScores]
    splits: tuple[str, ...]


def headline_of(answers: Answers, headline: Split | None) -> Answers:
    """Return the answers that the figures are of: pictures of the five in the split `headline`, or all of the five.

    Raises `DatasetInvalid` without any.
    """
    inside = answers.where(answers.labels >= 0)
    if not inside.samples:
        raise DatasetInvalid("no pictures of the five categories to evaluate on")
    judged = inside if headline is None else inside.where(np.array([s.split is headline for s in inside.samples]))
    if not judged.samples:
        raise DatasetInvalid(f"no pictures of the five categories in {headline}")
    return judged


def evaluate(answers: Answers, *, headline: Split | None = None, spoiled: Answers | None = None) -> Evaluation:
    """Return the figures, with those of `spoiled` pictures beside; raises `DatasetInvalid` without a picture of the five.

    What is not a slice is of the split `headline` alone, or of all. The slices are there because one figure over all
    sources would hide that a model knows one source and fails on another.
    """
    judged = headline_of(answers, headline)
    outliers = _outliers(answers, judged) | (_spoiled(spoiled, judged) if spoiled else {})
    slices, splits = _slices(answers.where(answers.labels >= 0)), tuple(sorted({s.split.value for s in judged.samples}))
    return Evaluation(score(judged), slices, _categories(judged), _confusion(judged), outliers, splits)


def score(answers: Answers) -> Scores:
    """Return the figures of pictures that all show one of the five, at least one."""
    correct, decided, confidence = answers.correct, answers.decided, answers.confidence
    return Scores(
        right=Share.of(correct),
        decided=Share.of(decided),
        decided_right=Share.of(correct[decided]),
        calibration_error=expected_calibration_error(confidence, correct),
        nll=negative_log_likelihood(answers.probabilities, answers.labels),
        risk=risk_coverage(answers.belief, correct).area,
    )


def _slices(inside: Answers) -> dict[str, Scores]:
    names = [(f"{s.source}/{s.split}", f"{s.source}/{s.split}/{s.category}") for s in inside.samples]
    wanted = sorted({name for pair in names for name in pair})
    return {name: score(inside.where(np.array([name in pair for pair in names]))) for name in wanted}


def _categories(inside: Answers) -> dict[str, CategoryScores]:
    called, labels = inside.probabilities.argmax(axis=1), inside.labels
    return {
        category.value: CategoryScores(Share.of(labels[called == index] == index), Share.of(called[labels == index] == index))
        for index, category in enumerate(CATEGORIES)
    }


def _confusion(inside: Answers) -> tuple[tuple[int, ...], ...]:
    counts = np.zeros((len(CATEGORIES), len(CATEGORIES)), np.int64)
    np.add.at(counts, (inside.labels, inside.probabilities.argmax(axis=1)), 1)
    return tuple(tuple(int(count) for count in row) for row in counts)


def _outliers(answers: Answers, inside: Answers) -> dict[str, OutlierScores]:
    outside = answers.where(answers.labels < 0)
    if not outside.samples:
        return {}
    judging = outside.where(np.array([not sample.teaches_outliers for sample in outside.samples]))
    groups = {"all": outside, "not trained on": judging} | _by_source(outside)
    return {name: _outlier_scores(group, inside) for name, group in groups.items() if group.samples}


def _spoiled(spoiled: Answers, inside: Answers) -> dict[str, OutlierScores]:
    groups = {BROKEN: spoiled} | _by_source(spoiled)
    return {name: _outlier_scores(group, inside) for name, group in groups.items()}


def _by_source(answers: Answers) -> dict[str, Answers]:
    sources = [sample.source for sample in answers.samples]
    return {source: answers.where(np.array([one == source for one in sources])) for source in sorted(set(sources))}


def _outlier_scores(outside: Answers, inside: Answers) -> OutlierScores:
    return OutlierScores(Share.of(~outside.decided), _separation(outside, inside))


def _separation(outside: Answers, inside: Answers) -> float:
    strange = np.concatenate([_strangeness(outside), _strangeness(inside)])
    return float(roc_auc_score(np.repeat([1, 0], [len(outside.samples), len(inside.samples)]), strange))


def _strangeness(answers: Answers) -> NDArray[np.float64]:
    return -answers.confidence if answers.outlier_scores is None else answers.outlier_scores
