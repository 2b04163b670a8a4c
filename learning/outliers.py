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
SHARE, BROKEN_SHARE = 0.3, 0.1
"""What all outliers, and all pictures of broken cameras, weigh together against the pictures of the five."""


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
    inside: NDArray[np.float32],
    outside: NDArray[np.float32],
    broken: NDArray[np.float32],
    *,
    inside_weight: NDArray[np.float64],
) -> OutlierHead:
    """Fit on the features of pictures of the five, `inside` [n, width] with a weight [n] each, and of what is none of them.

    That is `outside` [m, width] and, of broken cameras, `broken` [k, width]; one of them may be empty. Raises
    `DatasetInvalid` where there are none of either.
    """
    if not len(inside) or not len(outside) + len(broken):
        raise DatasetInvalid("an outlier head needs pictures of the five categories and of none of them")
    total = inside_weight.sum()
    shares = [np.full(len(rows), share * total / max(1, len(rows))) for rows, share in ((outside, SHARE), (broken, BROKEN_SHARE))]
    labels = np.repeat([0, 1], [len(inside), len(outside) + len(broken)])
    values, mean, spread = standardised(np.concatenate([inside, outside, broken]))
    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=MAX_ITERATIONS)
    model.fit(values, labels, sample_weight=np.concatenate([inside_weight, *shares]))
    weights = model.coef_[0] / spread
    return OutlierHead(weights.astype(np.float32), float(model.intercept_[0] - weights @ mean))
