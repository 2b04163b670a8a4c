"""Temperature scaling: one number by which logits are divided so that confidence means accuracy (Guo et al. 2017)."""

import numpy as np
from numpy.typing import NDArray

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
BINS = 15


def softmax(logits: NDArray[np.floating], temperature: float = 1.0) -> NDArray[np.float64]:
    """Return the probabilities float64 [n, k] of `logits` [n, k] at `temperature`."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def negative_log_likelihood(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the mean negative log likelihood in nats of `labels` [n] under `probabilities` [n, k]."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, np.finfo(np.float64).tiny)).mean())


def expected_calibration_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> float:
    """Return the mean distance between confidence [n] and accuracy over 15 bins of equal width; 0 without rows."""
    if not len(confidence):
        return 0.0
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    distance = np.bincount(bins, weights=confidence - correct, minlength=BINS)
    return float(np.abs(distance).sum() / len(confidence))


def fit_temperature(
    logits: NDArray[np.floating], labels: NDArray[np.int64], sample_weight: NDArray[np.float64] | None = None
) -> float:
    """Return the temperature in [0.05, 20] that minimises the negative log likelihood of `labels` [n].

    The likelihood is convex in 1 / temperature, so its slope has one root, found by bisection.
    """
    weight = np.ones(len(labels)) if sample_weight is None else sample_weight
    raw = logits.astype(np.float64)
    target = raw[np.arange(len(labels)), labels]
    low, high = 1 / MAX_TEMPERATURE, 1 / MIN_TEMPERATURE
    for _ in range(60):
        sharpness = (low + high) / 2
        expected = (softmax(raw, 1 / sharpness) * raw).sum(axis=1)
        if float((weight * (expected - target)).sum()) > 0:
            high = sharpness
        else:
            low = sharpness
    return 2 / (low + high)
