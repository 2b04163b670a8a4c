"""What a worker knows of its own progress: for its heartbeat, its liveness and its hard deadline."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from contracts.ledger import ClaimedItem

HARD_DEADLINE_S = 60.0


class Progress:
    """Safe to use from several threads. `on_ledger` hears whether Postgres answers."""

    def __init__(self, on_ledger: Callable[[bool], None] = lambda _: None) -> None:
        """Start with nothing under way."""
        self._on_ledger = on_ledger
        self._lock = threading.Lock()
        self._started: dict[int, float] = {}
        self._passed: datetime | None = None
        self._last_start = time.monotonic()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count this thread's wake-up as under way."""
        thread = threading.get_ident()
        with self._lock:
            self._started[thread] = self._last_start = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._started.pop(thread, None)

    def tick(self) -> None:
        """Start this thread's deadline anew: it waits for what is not its fault."""
        with self._lock:
            self._started[threading.get_ident()] = time.monotonic()

    def restart(self) -> None:
        """Start every deadline anew."""
        with self._lock:
            self._started = dict.fromkeys(self._started, time.monotonic())

    def passed(self, items: Sequence[ClaimedItem]) -> None:
        """Note how far the queue has been claimed."""
        latest = max((item.woken_at for item in items), default=None)
        with self._lock:
            if latest and (self._passed is None or latest > self._passed):
                self._passed = latest

    def ledger_lost(self) -> None:
        """Note that Postgres does not answer."""
        self._on_ledger(False)

    def ledger_back(self) -> None:
        """Note that Postgres answers again."""
        self._on_ledger(True)

    @property
    def passed_woken_at(self) -> datetime | None:
        """The latest wake-up among the events that this worker claimed."""
        with self._lock:
            return self._passed

    def overdue_s(self) -> float:
        """Return how long the oldest wake-up has been under way beyond the hard deadline; 0 if none is."""
        with self._lock:
            oldest = min(self._started.values(), default=None)
        return max(0.0, time.monotonic() - oldest - HARD_DEADLINE_S) if oldest is not None else 0.0

    def idle_s(self) -> float:
        """Return the time since a wake-up was begun; 0 while one is under way."""
        with self._lock:
            return 0.0 if self._started else time.monotonic() - self._last_start
