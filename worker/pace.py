"""How long models take for a picture, to see whether one on trial is far slower than the champion."""

from collections import deque
from statistics import median

_REMEMBERED = 64
_ENOUGH = 32
_EVERY = 16
_TIMES, _AT_LEAST_MS = 3.0, 5.0


class Pace:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        """Know nothing."""
        self._took: dict[str, deque[float]] = {}
        self._noted: dict[str, int] = {}

    def note(self, version: str, inference_ms: float) -> None:
        """Note a time."""
        self._took.setdefault(version, deque(maxlen=_REMEMBERED)).append(inference_ms)
        self._noted[version] = self._noted.get(version, 0) + 1

    def slower(self, version: str, champion: str) -> str:
        """Return why a model is unfit for its pace, "" if it is not; asked after each `note`, and decided every sixteenth."""
        if self._noted.get(version, 0) % _EVERY:
            return ""
        mine, its = list(self._took.get(version, ())), list(self._took.get(champion, ()))
        if len(mine) < _ENOUGH or len(its) < _ENOUGH:
            return ""
        took, limit = median(mine), max(median(its) * _TIMES, median(its) + _AT_LEAST_MS)
        return f"a picture takes {took:.1f} ms, with the champion {median(its):.1f}" if took > limit else ""
