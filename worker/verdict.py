"""What a model's scores mean for an event. Pure."""

import math
from collections.abc import Sequence

from contracts.categories import CATEGORIES
from contracts.errors import PredictionInvalid
from contracts.names import LOW_CONFIDENCE, OutcomeKind
from contracts.outcomes import Prediction


def predict(scores: Sequence[float], model_version: str) -> Prediction:
    """Return the prediction of five probabilities; raises PredictionInvalid for what is none."""
    if len(scores) != len(CATEGORIES) or not all(math.isfinite(score) and 0 <= score <= 1 for score in scores):
        raise PredictionInvalid(f"{[round(score, 4) for score in scores]}")
    confidence, index = max((score, -i) for i, score in enumerate(scores))
    return Prediction(tuple(scores), CATEGORIES[-index], confidence, model_version)


def judge(prediction: Prediction, threshold: float) -> tuple[OutcomeKind, str | None]:
    """Return the kind of outcome and its reason: a confidence under the threshold goes to people."""
    if prediction.confidence < threshold:
        return OutcomeKind.REVIEW, LOW_CONFIDENCE
    return OutcomeKind.PREDICTION, None
