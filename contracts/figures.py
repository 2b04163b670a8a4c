"""Figures of the fleet's state, for whoever watches it from outside. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OpenEvents:
    """Events without an outcome, by what they wait for; `fleet.Flow` says what the first three are.

    `oldest_s` is how long ago the oldest that is due or in hand was accepted, `woken_s` how long ago the oldest that nobody has in
    hand was woken; None if there is none. `overdue` have been due for over an hour.
    """

    waiting: int
    in_flight: int
    later: int
    overdue: int
    oldest_s: float | None
    woken_s: float | None


@dataclass(frozen=True, slots=True)
class LossCheck:
    """Of the events that were accepted in a stretch of time: how many, and how many of them are closed and have no outcome."""

    checked: int
    lost: int


@dataclass(frozen=True, slots=True)
class ReviewWork:
    """What waits for people and what they did in the last day.

    `labels` stand, `work_s` is the time that people took for them (five minutes at most for each), `gold_right` of `gold` of them
    were right where the answer was known.
    """

    open: int
    oldest_s: float | None
    failures_open: int
    failures_oldest_s: float | None
    filed: int
    closed: int
    labels: int
    work_s: float
    gold: int
    gold_right: int

    @property
    def hours(self) -> float:
        """Hours until what waits is labelled at the last day's speed; infinite where nobody labelled anything."""
        if not self.open:
            return 0.0
        return self.open / self.closed * 24 if self.closed else float("inf")


@dataclass(frozen=True, slots=True)
class SensorCounts:
    """Sensors: all that are known, those not heard of for a while, with a faulty camera, and with events that never came."""

    known: int
    silent: int
    faulty: int
    losing: int


@dataclass(frozen=True, slots=True)
class Prices:
    """What an hour costs: of a worker, of all else together, and of a person at the review desk. One currency, any."""

    worker_hour: float = 0.0
    services_hour: float = 0.0
    reviewer_hour: float = 0.0

    def by_name(self) -> Mapping[str, float]:
        """Return the prices that are set."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) > 0}


class LedgerFigures(Protocol):
    """What the ledger says of itself. Each raises LedgerUnavailable."""

    def open_events(self) -> OpenEvents:
        """Return what has no outcome yet."""

    def now(self) -> datetime:
        """Return the ledger's time, by which it dates what it accepts."""

    def losses(self, since: datetime, until: datetime) -> LossCheck:
        """Check the events that were accepted from `since` on and before `until`, both aware."""

    def review(self) -> ReviewWork:
        """Return what waits for people."""

    def sensors(self, silent_after_s: float) -> SensorCounts:
        """Count sensors."""

    def months_ahead_s(self) -> float:
        """Return the seconds until the last month that has partitions ends; 0 if that is past."""
