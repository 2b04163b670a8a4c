"""What a worker knows of its own progress: for its heartbeat, its liveness and its hard deadline."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from contracts.ledger import ClaimedItem
from worker.throughput import Throughput

HARD_DEADLINE_S = 60.0
LEDGER, OBJECT_STORE = "ledger", "object store"
"""What a worker needs, beside its broker, to be ready."""


class Progress:
    """Safe to use from several threads. `on_need` hears of a need by its name, and whether it is met."""

    def __init__(self, on_need: Callable[[str, bool], None] = lambda _, __: None) -> None:
        """Start with nothing under way."""
        self._on_need = on_need
        self._lock = threading.Lock()
        self._started: dict[int, float] = {}
        self._passed: datetime | None = None
        self._last_start = time.monotonic()
        self.throughput = Throughput()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count this thread's wake-up as under way."""
        thread = threading.get_ident()
        with self._lock:
            self._started[thread] = self._last_start = time.monotonic()
        self.throughput.begin()
        try:
            yield
        finally:
            self.throughput.end()
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

    def lost(self, need: str) -> None:
        """Note that what this worker needs is away."""
        self._on_need(need, False)

    def back(self, need: str) -> None:
        """Note that it is back."""
        self._on_need(need, True)

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
