"""Looks at one thing after the other, each in its own time; what cannot be seen is shown as not known."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from contracts.errors import Infrastructure
from contracts.figures import LedgerFigures, LossCheck

T = TypeVar("T")
SOON, LATE = timedelta(minutes=5), timedelta(days=1)
"""When events are checked for a loss. Not before `SOON`: what was committed late carries an earlier time. What was open then, or
came while nobody watched, is found by the check of `LATE`."""
LONGEST_STRETCH = timedelta(minutes=5)
_LONG_S = 1.0
"""Six timeouts of a database that is away are half a minute, in which nobody would look at the queues."""
STALE_S, _MISSED = 30.0, 2.5
"""So many seconds, or looks, after it was seen a figure is not known any more."""


@dataclass(frozen=True)
class Sight(Generic[T]):
    """Something to look at every `every_s` seconds. `look` may raise Infrastructure; `show` is given None then.

    `at` is where it is looked at: who there took long to answer nothing is not asked for more in the same round.
    """

    what: str
    every_s: float
    look: Callable[[], T]
    show: Callable[[T | None], None]
    at: str = ""


class Watch:
    """`take_one` is a round of a loop, which comes more often than there is something to see."""

    def __init__(self, sights: Sequence[Sight[Any]], seen: Callable[[str], None]) -> None:
        """Look at `sights`, and tell `seen` each one's name when it was seen."""
        self._sights, self._seen = sights, seen
        self._due = dict.fromkeys((sight.what for sight in sights), 0.0)
        self._seen_at = dict.fromkeys(self._due, time.monotonic())

    def take_one(self) -> bool:
        """Look at what is due; raises the first error there was, an unforeseen one first, when all has been looked at."""
        away: Exception | None = None
        silent: set[str] = set()
        for sight in self._sights:
            if time.monotonic() < self._due[sight.what]:
                continue
            if sight.at in silent:
                sight.show(None)
                continue
            began = time.monotonic()
            try:
                found = sight.look()
            except Exception as error:  # noqa: BLE001 - told when all else has been looked at
                sight.show(None)
                foreseen = isinstance(error, Infrastructure)
                away = away if away and (foreseen or not isinstance(away, Infrastructure)) else error
                if foreseen and sight.at and time.monotonic() - began > _LONG_S:
                    silent.add(sight.at)
                continue
            self._seen_at[sight.what] = time.monotonic()
            self._due[sight.what] = time.monotonic() + sight.every_s
            sight.show(found)
            self._seen(sight.what)
        if away:
            raise away
        return False

    def forget_old(self) -> None:
        """Show as not known what was not seen for a while, from another thread: a database may hang for ever and raise nothing."""
        for sight in self._sights:
            if time.monotonic() - self._seen_at[sight.what] > max(STALE_S, _MISSED * sight.every_s):
                sight.show(None)


class LossWatch:
    """Checks all that is accepted for a loss, once, when so much time has gone by since; from its start on."""

    def __init__(self, ledger: LedgerFigures, settled: timedelta) -> None:
        """Check what `ledger` accepts, `settled` after it did."""
        self._ledger, self._settled = ledger, settled
        self._through: datetime | None = None

    def look(self) -> LossCheck:
        """Check the next stretch of time, five minutes at most; raises LedgerUnavailable, and goes on from there."""
        settled = self._ledger.now() - self._settled
        if self._through is None:
            # Nothing yet: a count that does not begin at zero is no increase, and no alert would see it.
            self._through = settled - LONGEST_STRETCH
            return LossCheck(0, 0)
        until = min(settled, self._through + LONGEST_STRETCH)
        if until <= self._through:
            return LossCheck(0, 0)
        found = self._ledger.losses(self._through, until)
        self._through = until
        return found
