"""Early warnings that need no label: whether what the fleet sees, or how sure it is, has shifted. Pure.

The population stability index (Lewis 1994) of two histograms: the sum of (p - q) ln(p / q). By custom under 0.1 is nothing and
over 0.25 a shift; of embeddings see `compare_embeddings`. Of a small sample chance alone makes some: about
(bins - 1)(1/n + 1/m), which is taken off (Yurdakul 2018).
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.accuracy import Embeddings

SHIFTED = 0.25
EMBEDDINGS_SHIFTED = 0.04
"""Half of what lies between two cities' photographs; docs/ground-truth.md has what makes how much."""
CALM = 0.4
FEWEST = 300
"""Of so few decisions on either side nothing is said."""
_NARROWEST = 0.5
"""Of a step of the sketches: below it is rounding."""
_FLOOR = 0.5
"""An empty bin counts as half a decision."""


@dataclass(frozen=True, slots=True)
class Shift:
    """How far two samples of `before` and `now` decisions are apart beyond chance, and the bin that moved most.

    It is a shift from an index of `limit`, and over below `CALM` of it: between the two nothing changes.
    """

    index: float
    before: int
    now: int
    most: str
    limit: float = SHIFTED

    @property
    def warns(self) -> bool:
        """Whether that is a shift."""
        return min(self.before, self.now) >= FEWEST and self.index >= self.limit

    @property
    def calm(self) -> bool:
        """Whether that is none, or none any more."""
        return min(self.before, self.now) >= FEWEST and self.index < CALM * self.limit


def compare_embeddings(before: Mapping[str, Embeddings], now: Mapping[str, Embeddings]) -> Shift:
    """Compare what the model that decides most now sees with what it saw before; another model sees in other directions.

    The index is the mean over directions of the squared distance of the means in spreads, which is about what the stability index
    of normal values of that distance is.
    """
    version = max(now, key=lambda one: now[one].decided, default="")
    if version not in before:
        return Shift(0.0, 0, now[version].decided if now else 0, version, EMBEDDINGS_SHIFTED)
    old, new = before[version], now[version]
    moves = [(b - a) / max(spread, _NARROWEST) for a, b, spread in zip(old.means, new.means, old.spreads, strict=True)]
    index = statistics.fmean(move**2 for move in moves) - 1 / old.decided - 1 / new.decided
    return Shift(max(0.0, index), old.decided, new.decided, version, EMBEDDINGS_SHIFTED)


def compare(before: Mapping[str, int], now: Mapping[str, int]) -> Shift:
    """Compare counts by bin; bins that one of them lacks count as empty."""
    bins: Sequence[str] = sorted({*before, *now})
    n, m = sum(before.values()), sum(now.values())
    if not n or not m or len(bins) < 2:
        return Shift(0.0, n, m, bins[0] if bins else "")
    parts = {}
    for one in bins:
        p, q = max(_FLOOR, before.get(one, 0)) / n, max(_FLOOR, now.get(one, 0)) / m
        parts[one] = (p - q) * math.log(p / q)
    chance = (len(bins) - 1) * (1 / n + 1 / m)
    return Shift(max(0.0, sum(parts.values()) - chance), n, m, max(parts, key=lambda one: parts[one]))
