"""Answers that are remembered for a moment, so that ten open pages ask the database as often as one."""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
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
        self._fetching: dict[Hashable, Future[Any]] = {}

    def of(self, key: Hashable, seconds: float, ask: Callable[[], Answer]) -> Answer:
        """Return an answer that is at most so old; what `ask` raises is raised to all who wait for it, and not remembered."""
        with self._lock:
            found = self._known.get(key)
            if found and found[0] > self._monotonic():
                return found[1]  # type: ignore[no-any-return]
            others = self._fetching.get(key)
            own: Future[Any] = Future()
            if others is None:
                self._fetching[key] = own
        # Each trying again in turn, what takes the database fifteen seconds to fail would hold up the last of them for minutes.
        return others.result() if others else self._fetch(key, seconds, ask, own)

    def forget(self) -> None:
        """Remember nothing any more."""
        with self._lock:
            self._known.clear()

    def _fetch(self, key: Hashable, seconds: float, ask: Callable[[], Answer], told: Future[Any]) -> Answer:
        try:
            answer = ask()
        except BaseException as error:
            with self._lock:
                del self._fetching[key]
            told.set_exception(error)
            raise
        with self._lock:
            del self._fetching[key]
            self._known[key] = (self._monotonic() + seconds, answer)
            self._forget()
        told.set_result(answer)
        return answer

    def _forget(self) -> None:
        if len(self._known) <= _MOST:
            return
        now = self._monotonic()
        old = [key for key, (until, _) in self._known.items() if until <= now]
        for key in old or list(self._known)[: _MOST // 2]:
            del self._known[key]
