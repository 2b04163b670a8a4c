"""How often the fleet is right, from labels that are no fair sample of what it decided. Pure.

People see what the model was unsure of, and by chance (the audit sample) a little of what it was sure of. Counted as they
come, labels would make any model look as bad as its hardest pictures. So each kind of decision is a stratum: its labels speak
for all of its decisions (post-stratification; Horvitz and Thompson 1952 with the weights estimated). The interval is Wilson's with
Kish's effective number of labels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.accuracy import StratumCount

_Z = 1.959963984540054
"""Of the 95 % interval."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """An estimate in [0, 1] with its 95 % interval; nan without labels.

    `labels` is how many it rests on, `effective` what they are worth, `covered` the share of the decisions in strata that have
    labels, and `expected` what the calibrated confidence alone makes one expect (CBPE), which needs none.
    """

    value: float
    low: float
    high: float
    labels: int
    effective: float
    decided: int
    covered: float
    expected: float


def estimate(strata: Sequence[StratumCount]) -> Accuracy:
    """Return the accuracy over all decisions of the strata."""
    decided = sum(one.decided for one in strata)
    expected = sum(one.confidence_sum for one in strata) / decided if decided else math.nan
    known = [one for one in strata if one.labelled]
    covered = sum(one.decided for one in known)
    labels = sum(one.labelled for one in known)
    if not covered:
        return Accuracy(math.nan, math.nan, math.nan, labels, 0.0, decided, 0.0, expected)
    shares = [one.decided / covered for one in known]
    value = sum(share * one.right / one.labelled for share, one in zip(shares, known, strict=True))
    effective = 1 / sum(share**2 / one.labelled for share, one in zip(shares, known, strict=True))
    low, high = _wilson(value, effective)
    return Accuracy(value, low, high, labels, effective, decided, covered / decided, expected)


def _wilson(value: float, count: float) -> tuple[float, float]:
    middle = (value + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z / (1 + _Z**2 / count) * math.sqrt(value * (1 - value) / count + _Z**2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)
