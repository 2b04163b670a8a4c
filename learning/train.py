"""From features to a model file: fit the head, calibrate it on other pictures, say what was done."""

from dataclasses import asdict, dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from learning.calibrate import fit_temperature, softmax
from learning.datasets import DatasetInvalid, Split
from learning.evaluate import Scores, score, score_by_source
from learning.export import ModelCard, attach_head
from learning.features import Features
from learning.head import Head, balance, fit
from learning.rendered import RENDERED


@dataclass(frozen=True)
class Recipe:
    """What decides how a head comes out."""

    version: str
    threshold: float
    preprocessing: str
    git_revision: str
    inverse_regularisation: float = 0.01
    balance_power: float = 0.5
    """How far small sources and categories are weighed up: 0 not at all, 1 until all weigh the same."""
    rendered_weight: float = 0.5
    """What a rendered picture counts for in the fit; at 1 the head loses two points on photographs of the validation set."""


@dataclass(frozen=True)
class Trained:
    """A model and its figures, by source and split."""

    model: onnx.ModelProto
    card: ModelCard
    scores: dict[str, Scores]


def train_head(features: Features, backbone: onnx.ModelProto, recipe: Recipe) -> Trained:
    """Fit on the split `train`, calibrate on `val`, score all of it; raises `DatasetInvalid` where one of them is empty."""
    fitted, held = features.of(Split.TRAIN), features.of(Split.VAL)
    if not len(fitted.samples) or not len(held.samples):
        raise DatasetInvalid("training needs pictures in the splits train and val")
    weight = _weights(fitted, recipe.balance_power) * _credit(fitted, recipe.rendered_weight)
    head = fit(
        fitted.values, fitted.labels, sample_weight=weight / weight.mean(), inverse_regularisation=recipe.inverse_regularisation
    )
    temperature = fit_temperature(head.logits(held.values), held.labels, _weights(held, recipe.balance_power))
    calibrated = score(softmax(head.logits(held.values), temperature), held.labels, recipe.threshold)
    card = ModelCard(
        version=recipe.version,
        threshold=recipe.threshold,
        preprocessing=recipe.preprocessing,
        temperature=temperature,
        calibration={name: round(value, 6) for name, value in asdict(calibrated).items()},
        data_fingerprint=features.fingerprint(),
        git_revision=recipe.git_revision,
    )
    probabilities = _probabilities(head, features, temperature)
    scores = score_by_source(features.samples, probabilities, recipe.threshold)
    return Trained(attach_head(backbone, head, card), card, scores)


def _weights(features: Features, power: float) -> NDArray[np.float64]:
    return balance([f"{sample.source}/{sample.category}" for sample in features.samples], power=power)


def _credit(features: Features, rendered: float) -> NDArray[np.float64]:
    return np.array([rendered if sample.source == RENDERED else 1.0 for sample in features.samples], np.float64)


def _probabilities(head: Head, features: Features, temperature: float) -> NDArray[np.float64]:
    return softmax(head.logits(features.values), temperature)
