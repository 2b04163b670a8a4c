"""What was decided, counted once and kept: figures that cost the same however large the ledger is. Pure."""

from collections.abc import Sequence
from typing import Protocol

CONFIDENCE_BINS = 20
"""Of a twentieth each; 1 is in the last."""

LATENCY_BOUNDS_S = tuple(0.05 * 2 ** (step / 2) for step in range(40))
"""Where bins of the time from capture to outcome begin, but the first, which begins at 0; the last has no end. In seconds."""

LABELS_COUNTED_DAYS = 60
"""Labels of what was photographed longer ago change no rollup: events themselves may have gone by then."""


class Rollups(Protocol):
    """Where outcomes are counted by minute, hour, day and sensor. Raises LedgerUnavailable; anybody may repeat a call."""

    def roll(self) -> bool:
        """Count what came since the last call, each once; returns whether more could be counted now."""

    def count_labels(self) -> int:
        """Count anew of how many decisions of some days it is known what they were; returns of how many days."""


def quantile(counts: Sequence[int], share: float) -> float | None:
    """Return the latency in seconds under which a `share` in [0, 1] of the counted lies, as bins tell it; None without any."""
    total = sum(counts)
    if not total:
        return None
    wanted, seen = share * total, 0
    for place, count in enumerate(counts):
        if count and seen + count >= wanted:
            begins, ends = bin_of_latency(place)
            return begins + (ends - begins) * (wanted - seen) / count
        seen += count
    return LATENCY_BOUNDS_S[-1]


def bin_of_latency(place: int) -> tuple[float, float]:
    """Return where a bin begins and ends, in seconds; the last ends where it begins, since nobody knows more."""
    begins = LATENCY_BOUNDS_S[place - 1] if place else 0.0
    return begins, LATENCY_BOUNDS_S[min(place, len(LATENCY_BOUNDS_S) - 1)]
