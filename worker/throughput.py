"""How many events a worker decides, and how many it could: for whoever says how many workers there shall be."""

import threading
import time
from collections import deque
from collections.abc import Callable

_WINDOW_S = 60.0


class Throughput:
    """Of the last minute. Safe to use from several threads; times are seconds of `clock`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing decided and nothing measured."""
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way = 0
        self._since = 0.0
        self._samples: deque[tuple[float, int, float]] = deque()
        self._events_per_s = 0.0

    def begin(self) -> None:
        """Note that a wake-up is in hand."""
        with self._lock:
            if self._under_way == 0:
                self._since = self._clock()
            self._under_way += 1

    def end(self) -> None:
        """Note that it is not any more."""
        with self._lock:
            self._under_way -= 1
            self._take_sample(0, busy=True)

    def decided(self, count: int) -> None:
        """Note that outcomes were written."""
        with self._lock:
            self._take_sample(count, busy=self._under_way > 0)

    def last_minute(self) -> tuple[int, float]:
        """Return how many events were decided, and how many for each second with a wake-up in hand.

        A worker that decided nothing in this minute keeps the rate that was measured last; 0 means never.
        """
        with self._lock:
            if self._under_way:
                self._take_sample(0, busy=True)
            oldest = self._clock() - _WINDOW_S
            while self._samples and self._samples[0][0] <= oldest:
                self._samples.popleft()
            count = sum(one for _, one, _ in self._samples)
            busy_s = sum(one for _, _, one in self._samples)
            if count and busy_s > 0:
                self._events_per_s = count / busy_s
            return count, self._events_per_s

    def _take_sample(self, count: int, *, busy: bool) -> None:
        now = self._clock()
        busy_s = now - self._since if busy else 0.0
        self._since = now
        if self._samples and now - self._samples[-1][0] < 1.0:
            at, before, before_s = self._samples[-1]
            self._samples[-1] = (at, before + count, before_s + busy_s)
        else:
            self._samples.append((now, count, busy_s))
