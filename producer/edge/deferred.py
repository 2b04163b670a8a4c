"""Events that something is wrong with for now: they are left alone for longer and longer, and hold up no others. Pure."""

from dataclasses import dataclass, field

_LEAST_S, _MOST_S = 30.0, 3600.0
_MOST_EVENTS = 2000


@dataclass(slots=True)
class Deferred:
    """Numbers of events, each with the second since the boot until which it is left alone, and how often it was."""

    _of: dict[int, tuple[float, int]] = field(default_factory=dict)

    def defer(self, sequence: int, now_s: float) -> float:
        """Leave an event alone, for twice as long as the last time; return for how many seconds."""
        _, times = self._of.pop(sequence, (0.0, 0))
        for_s = min(_MOST_S, _LEAST_S * 2.0 ** min(times, 16))
        self._of[sequence] = now_s + for_s, times + 1
        if len(self._of) > _MOST_EVENTS:
            del self._of[next(iter(self._of))]
        return for_s

    def until(self, now_s: float) -> list[int]:
        """Return the numbers of those that are left alone now."""
        return [sequence for sequence, (until_s, _) in self._of.items() if until_s > now_s]
