"""Whose turn it is to compute: a few wake-ups at a time, the oldest first, each as long as it has pictures at hand.

Two wake-ups that took turns picture by picture would both end late, and each change of thread costs a core its caches.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from threading import Condition

_LONGEST_S = 2.0


class Turns:
    """Lets at most `at_once` wake-ups compute."""

    def __init__(self, at_once: int) -> None:
        """Nobody computes yet."""
        self._free = at_once
        self._tickets = count()
        self._waiting: set[int] = set()
        self._changed = Condition()
        self.oldest_waiting: float = math.inf

    @contextmanager
    def queue(self) -> Iterator["Turn"]:
        """Lend a place in the queue, behind those that came before; what it holds is free at the end."""
        turn = Turn(self, self.ticket())
        try:
            yield turn
        finally:
            turn.leave()

    def ticket(self) -> int:
        """Return the next place."""
        return next(self._tickets)

    def enter(self, ticket: int, timeout_s: float) -> bool:
        """Wait until it is the ticket's turn; returns whether it came within `timeout_s`."""
        with self._changed:
            self._waiting.add(ticket)
            self.oldest_waiting = min(self._waiting)
            try:
                mine = self._changed.wait_for(lambda: self._free > 0 and self.oldest_waiting == ticket, timeout_s)
            finally:
                self._waiting.remove(ticket)
            self.oldest_waiting = min(self._waiting, default=math.inf)
            self._free -= mine
            self._changed.notify_all()
            return mine

    def leave(self) -> None:
        """End a turn."""
        with self._changed:
            self._free += 1
            self._changed.notify_all()


class Turn:
    """One wake-up's place. For one thread."""

    def __init__(self, turns: Turns, ticket: int) -> None:
        """Hold nothing yet."""
        self._turns, self._ticket, self._held, self._since = turns, ticket, False, 0.0

    def take(self, timeout_s: float) -> bool:
        """Hold a turn, giving way to an older wake-up that waits; returns whether one is held within `timeout_s`.

        After two seconds it goes to the end of the queue: huge pictures of one wake-up shall not starve another.
        """
        now, waiting = time.monotonic(), self._turns.oldest_waiting
        if self._held and waiting > self._ticket and (waiting == math.inf or now < self._since + _LONGEST_S):
            return True
        if self._held and now >= self._since + _LONGEST_S:
            self._ticket = self._turns.ticket()
        self.leave()
        self._held = self._turns.enter(self._ticket, timeout_s)
        self._since = time.monotonic()
        return self._held

    def leave(self) -> None:
        """Let another wake-up compute."""
        if self._held:
            self._held = False
            self._turns.leave()
