"""Lines about single events, no more than somebody will read: under load the rest of them is counted and not written.

What is a warning or worse is always written, and the ledger has every event whatever the log leaves out (`waste trace`).
"""

import threading
import time
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

_BURST_S = 10.0
_TELL_EVERY_S = 10.0


class LogBudget:
    """A processor of structlog, for many threads. A quiet time is saved up, for ten seconds of lines at once."""

    def __init__(self, per_s: float, tell: Callable[[int], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Let `per_s` lines a second pass, and `tell` every ten seconds how many did not."""
        self._per_s, self._tell, self._clock = per_s, tell, clock
        self._left, self._at, self._out = per_s * _BURST_S, clock(), 0
        self._lock = threading.Lock()

    def __call__(self, _: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Pass a line on, or drop it."""
        if method == "info" and "event_id" in event and not self._has_room():
            raise structlog.DropEvent
        return event

    def tell(self) -> None:
        """Tell how many lines were left out since it was last told."""
        with self._lock:
            out, self._out = self._out, 0
        if out:
            self._tell(out)

    def _has_room(self) -> bool:
        with self._lock:
            now = self._clock()
            self._left = min(self._per_s * _BURST_S, self._left + (now - self._at) * self._per_s)
            self._at = now
            if self._left >= 1:
                self._left -= 1
                return True
            self._out += 1
            if self._out == 1:  # a timer and not the next line: after the last one there would be none
                timer = threading.Timer(_TELL_EVERY_S, self.tell)
                timer.daemon = True
                timer.start()
        return False
