"""From features to an examined candidate, in memory: heads on the champion's own backbone."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import onnx
from numpy.typing import NDArray

from learning.calibrate import negative_log_likelihood, softmax
from learning.datasets import Sample, Split
from learning.evaluate import Answers
from learning.export import Heads, read_heads
from learning.features import Features
from learning.retrain.gate import Gate, examine, judge
from learning.train import Recipe, Trained, train_heads

STRENGTHS = (0.0003, 0.001, 0.003, 0.01)
"""How much the pictures may change of the champion's head: the calibrating pictures choose, old and new ones counting alike."""
Slower = Callable[[onnx.ModelProto], float]
"""A candidate to its time for a picture by the champion's."""


@dataclass(frozen=True)
class Retrained:
    """A candidate and what its examination gave."""

    trained: Trained
    gate: Gate


@dataclass(frozen=True)
class Fitting:
    """How candidates are fitted: `champion` is the model in force, `broken` features [k, width] of broken cameras."""

    champion: onnx.ModelProto
    backbone: onnx.ModelProto
    broken: NDArray[np.float32]
    slower: Slower
    is_golden: Callable[[Sample], bool]

    def fit(self, features: Features, recipe: Recipe) -> Retrained:
        """Fit on the split train, calibrate on val, examine on test; raises `DatasetInvalid`.

        `is_golden` tells the test pictures of the golden set from those of the field.
        """
        before = read_heads(self.champion)
        recipe = replace(recipe, prior=before.calibrated, rendered_weight=1.0)
        tries = [
            train_heads(features, self.broken, self.backbone, replace(recipe, inverse_regularisation=strength))
            for strength in STRENGTHS
        ]
        trained = min(tries, key=self._surprise)
        examining = features.where(lambda sample: sample.split is Split.TEST and sample.category is not None)
        candidate = answers_of(read_heads(trained.model), examining)
        champion = answers_of(before, examining)
        recent = np.array([not self.is_golden(sample) for sample in examining.samples], bool)
        return Retrained(trained, judge(examine(candidate, champion, recent, self.slower(trained.model))))

    def _surprise(self, trained: Trained) -> float:
        """Return how surprising the labels of the calibrating pictures are to a model, in nats."""
        answers = trained.answers.where(
            np.array([one.split is Split.VAL and one.category is not None for one in trained.answers.samples])
        )
        golden = np.array([self.is_golden(sample) for sample in answers.samples], bool)
        parts = [answers.where(rows) for rows in (golden, ~golden) if rows.any()]
        return sum(negative_log_likelihood(part.probabilities, part.labels) for part in parts) / len(parts)


def answers_of(heads: Heads, features: Features) -> Answers:
    """Return what heads say of features."""
    probabilities = softmax(heads.categories.logits(features.values), heads.temperature)
    outliers = None if heads.outliers is None else heads.outliers.scores(features.values)
    return Answers(features.samples, probabilities, outliers, heads.threshold, heads.outlier_threshold)
