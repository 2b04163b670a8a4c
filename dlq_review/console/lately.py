"""Answers that are remembered for a moment, so that ten open pages ask the database as often as one."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Answer = TypeVar("Answer")
_MOST = 256


class Lately:
    """Remembers answers by key for some seconds; who asks for one that somebody else is fetching waits for that one."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Remember nothing yet; `monotonic` is the clock, in seconds."""
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: dict[Hashable, tuple[float, Any]] = {}
        self._fetching: dict[Hashable, threading.Lock] = {}

    def of(self, key: Hashable, seconds: float, ask: Callable[[], Answer]) -> Answer:
        """Return an answer that is at most so old; what `ask` raises is raised, and not remembered."""
        with self._lock:
            turn = self._fetching.setdefault(key, threading.Lock())
        with turn:
            found = self._known.get(key)
            if found and found[0] > self._monotonic():
                return found[1]  # type: ignore[no-any-return]
            answer = ask()
            self._known[key] = (self._monotonic() + seconds, answer)
        self._forget()
        return answer

    def forget(self) -> None:
        """Remember nothing any more."""
        with self._lock:
            self._known.clear()

    def _forget(self) -> None:
        with self._lock:
            if len(self._known) <= _MOST:
                return
            now = self._monotonic()
            old = [key for key, (until, _) in self._known.items() if until <= now]
            for key in old or list(self._known)[: _MOST // 2]:
                self._known.pop(key, None)
                self._fetching.pop(key, None)
