"""From features to a model file: fit the heads, calibrate them on other pictures, say what was done."""

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from learning.calibrate import fit_temperature, softmax
from learning.datasets import DatasetInvalid, Split
from learning.evaluate import Answers, score
from learning.export import ModelCard, attach_heads
from learning.features import Features
from learning.head import Head, balance, fit, refit
from learning.outliers import OutlierHead, fit_outlier_head
from learning.rendered import RENDERED


@dataclass(frozen=True)
class Recipe:
    """What decides how the heads come out."""

    version: str
    threshold: float
    preprocessing: str
    git_revision: str
    inverse_regularisation: float = 0.01
    balance_power: float = 0.5
    """How far small sources and categories are weighed up: 0 not at all, 1 until all weigh the same."""
    rendered_weight: float = 0.25
    """What a rendered picture counts for in the fit; at 1 the head loses two points on photographs of the validation set."""
    prior: Head | None = None
    """A head whose logits are calibrated already, that is changed as little as the pictures ask for; None: fitted anew."""
    flagged_share: float = 0.03
    """The share of the validation pictures of the five categories that may be called outliers."""


@dataclass(frozen=True)
class Trained:
    """A model, what is written into it, and what it says of every picture it was made with."""

    model: onnx.ModelProto
    card: ModelCard
    answers: Answers

    @property
    def judging(self) -> NDArray[np.bool_]:
        """Which of the answers are about pictures that no part of the model was fitted on [n]."""
        return np.array([sample.split is not Split.TRAIN for sample in self.answers.samples])


def train_heads(features: Features, broken: NDArray[np.float32], backbone: onnx.ModelProto, recipe: Recipe) -> Trained:
    """Fit on the split `train` and calibrate on `val`.

    With pictures in the split `ood`, or the features `broken` [k, width] of broken cameras, the model also scores outliers.
    Raises `DatasetInvalid` where train or val is empty.
    """
    fitted, held = features.of(Split.TRAIN), features.of(Split.VAL)
    if not len(fitted.samples) or not len(held.samples):
        raise DatasetInvalid("training needs pictures in the splits train and val")
    weight = _weights(fitted, recipe.balance_power) * _credit(fitted, recipe.rendered_weight)
    weight /= weight.mean()
    head = _fit_head(fitted, weight, recipe)
    temperature = fit_temperature(head.logits(held.values), held.labels, _weights(held, recipe.balance_power))
    outside = features.where(lambda sample: sample.teaches_outliers).values
    outliers, outlier_threshold = _fit_outliers(outside, broken, fitted, held, weight, recipe)
    answers = Answers(
        features.samples,
        softmax(head.logits(features.values), temperature),
        None if outliers is None else outliers.scores(features.values),
        recipe.threshold,
        outlier_threshold,
    )
    on_val = score(answers.where(np.array([s.split is Split.VAL for s in features.samples])))
    card = ModelCard(
        version=recipe.version,
        threshold=recipe.threshold,
        outlier_threshold=outlier_threshold,
        preprocessing=recipe.preprocessing,
        temperature=temperature,
        calibration={
            "count": on_val.right.count,
            "accuracy": round(on_val.right.value, 6),
            "calibration_error": round(on_val.calibration_error, 6),
            "nll": round(on_val.nll, 6),
        },
        data_fingerprint=features.fingerprint(),
        git_revision=recipe.git_revision,
    )
    return Trained(attach_heads(backbone, head, outliers, card), card, answers)


def _fit_head(fitted: Features, weight: NDArray[np.float64], recipe: Recipe) -> Head:
    strength = recipe.inverse_regularisation
    if recipe.prior is None:
        return fit(fitted.values, fitted.labels, sample_weight=weight, inverse_regularisation=strength)
    return refit(recipe.prior, fitted.values, fitted.labels, sample_weight=weight, inverse_regularisation=strength)


def _fit_outliers(
    outside: NDArray[np.float32],
    broken: NDArray[np.float32],
    fitted: Features,
    held: Features,
    weight: NDArray[np.float64],
    recipe: Recipe,
) -> tuple[OutlierHead | None, float | None]:
    if not len(outside) + len(broken):
        return None, None
    outliers = fit_outlier_head(fitted.values, outside, broken, inside_weight=weight)
    return outliers, float(np.quantile(outliers.scores(held.values), 1 - recipe.flagged_share, method="higher"))


def _weights(features: Features, power: float) -> NDArray[np.float64]:
    return balance([f"{sample.source}/{sample.category}" for sample in features.samples], power=power)


def _credit(features: Features, rendered: float) -> NDArray[np.float64]:
    return np.array([rendered if sample.source == RENDERED else 1.0 for sample in features.samples], np.float64)
