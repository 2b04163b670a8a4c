"""The outlier head: how little the features look like any of the five categories.

A logistic regression of "none of the five" on the backbone's features, fitted on pictures that show something else
(outlier exposure, Hendrycks et al. 2019). Scores that need no such pictures found fewer of them at the same share of good
pictures sent to people: see docs/decisions/0007.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from learning.datasets import DatasetInvalid
from learning.head import MAX_ITERATIONS, standardised

INVERSE_REGULARISATION = 1e-3
SHARE = 0.3
"""What all outliers together weigh against the pictures of the five."""


@dataclass(frozen=True)
class OutlierHead:
    """score = sigmoid(features @ weights + bias), with `weights` float32 [width]."""

    weights: NDArray[np.float32]
    bias: float

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the score in [0, 1] of each row of `features` float32 [n, width]."""
        logits = features.astype(np.float64) @ self.weights + self.bias
        return np.asarray(0.5 * (1.0 + np.tanh(logits / 2.0)))  # the sigmoid, without overflow


def fit_outlier_head(
    inside: NDArray[np.float32], outside: NDArray[np.float32], *, inside_weight: NDArray[np.float64]
) -> OutlierHead:
    """Fit on the features of pictures of the five, `inside` [n, width] with a weight [n] each, and of none, `outside` [m, width].

    Raises `DatasetInvalid` where there are none of either.
    """
    if not len(inside) or not len(outside):
        raise DatasetInvalid("an outlier head needs pictures of the five categories and of none of them")
    features = np.concatenate([inside, outside])
    labels = np.repeat([0, 1], [len(inside), len(outside)])
    weight = np.concatenate([inside_weight, np.full(len(outside), SHARE * inside_weight.sum() / len(outside))])
    values, mean, spread = standardised(features)
    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=MAX_ITERATIONS).fit(values, labels, sample_weight=weight)
    weights = model.coef_[0] / spread
    return OutlierHead(weights.astype(np.float32), float(model.intercept_[0] - weights @ mean))
