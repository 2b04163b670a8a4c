"""What a model's scores mean for an event. Pure."""

import math

from contracts.categories import CATEGORIES
from contracts.errors import PredictionInvalid
from contracts.names import LOW_CONFIDENCE, OUT_OF_DISTRIBUTION, OutcomeKind
from contracts.outcomes import Prediction, Scores


def predict(scores: Scores, model_version: str) -> Prediction:
    """Return the prediction of a picture's scores; raises PredictionInvalid for what are no probabilities."""
    probabilities, outlier_score = tuple(scores.probabilities), scores.outlier_score
    if len(probabilities) != len(CATEGORIES) or not all(map(_is_probability, probabilities)):
        raise PredictionInvalid(f"{[round(score, 4) for score in probabilities]}")
    if outlier_score is not None and not _is_probability(outlier_score):
        raise PredictionInvalid(f"outlier score {outlier_score}")
    confidence, index = max((score, -i) for i, score in enumerate(probabilities))
    return Prediction(probabilities, CATEGORIES[-index], confidence, model_version, outlier_score, scores.sketch)


def _is_probability(score: float) -> bool:
    return math.isfinite(score) and 0 <= score <= 1


def judge(prediction: Prediction, threshold: float, outlier_threshold: float | None) -> tuple[OutcomeKind, str | None]:
    """Return the kind of outcome and its reason: people get what seems to be none of the five, and what is not sure enough."""
    score = prediction.outlier_score
    if score is not None and outlier_threshold is not None and score > outlier_threshold:
        return OutcomeKind.REVIEW, OUT_OF_DISTRIBUTION
    if prediction.confidence < threshold:
        return OutcomeKind.REVIEW, LOW_CONFIDENCE
    return OutcomeKind.PREDICTION, None
