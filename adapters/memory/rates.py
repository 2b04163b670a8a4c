"""Token buckets of one process: the twin of those in Redis, and what a gateway without Redis uses."""

import threading
import time
from collections.abc import Callable, Sequence

from contracts.gateway import Wanted

_TOTAL = ""
_FORGET_FROM = 10_000
_ROUNDING_S = 1e-6
"""What sums of seconds since the machine started can be wrong by, and nobody has to wait for."""


class MemoryRates:
    """Implements `contracts.gateway.Rates`. Safe to use from several threads."""

    def __init__(
        self, *, device: tuple[float, int], total: tuple[float, int], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`device` and `total` are events a second and how many may come at once; a larger batch never passes."""
        self._device, self._total, self._monotonic = device, total, monotonic
        self._full_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, wanted: Sequence[Wanted]) -> list[float]:
        """Take tokens; return for each the seconds to wait, 0 if it may send now."""
        with self._lock:
            now = self._monotonic()
            if len(self._full_at) > _FORGET_FROM:
                self._full_at = {name: at for name, at in self._full_at.items() if at > now}
            return [self._take(one, now) for one in wanted]

    def _take(self, one: Wanted, now: float) -> float:
        own, wait_s = self._look(one.name, one.count, self._device, now)
        total, wait_all_s = self._look(_TOTAL, one.count, self._total, now)
        if max(wait_s, wait_all_s) <= 0:
            self._full_at[one.name], self._full_at[_TOTAL] = own, total
        return max(0.0, wait_s, wait_all_s)

    def _look(self, name: str, count: int, limit: tuple[float, int], now: float) -> tuple[float, float]:
        rate, burst = limit
        full_at = max(now, self._full_at.get(name, 0.0)) + count / rate
        wait_s = full_at - burst / rate - now
        return full_at, wait_s if wait_s > _ROUNDING_S else 0.0
