"""Early warnings that need no label: whether what the fleet sees, or how sure it is, has shifted. Pure.

The population stability index (Lewis 1994) of two histograms: the sum of (p - q) ln(p / q). By custom under 0.1 is nothing and
over 0.25 a shift. Of a small sample chance alone makes some: about (bins - 1)(1/n + 1/m), which is taken off (Yurdakul 2018).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SHIFTED = 0.25
FEWEST = 300
"""Of so few decisions on either side nothing is said."""
_FLOOR = 0.5
"""An empty bin counts as half a decision."""


@dataclass(frozen=True, slots=True)
class Shift:
    """How far two histograms are apart beyond chance, and the bin that moved most."""

    index: float
    before: int
    now: int
    most: str

    @property
    def warns(self) -> bool:
        """Whether that is a shift."""
        return min(self.before, self.now) >= FEWEST and self.index >= SHIFTED


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
