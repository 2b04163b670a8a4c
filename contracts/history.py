"""What the rollups say, as the console and reports ask for it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol


class Grain(StrEnum):
    """Of what width the parts of time are."""

    HOUR = "hour"
    """In which outcomes were decided."""
    DAY = "day"
    """On which pictures were taken (UTC)."""


@dataclass(frozen=True, slots=True)
class FlowPoint:
    """What came and went in a part of time that begins at `at`; `failures` without those that were taken back since.

    `latencies` has the bins of `contracts.rollups`; `stages_ms` sums up the stages of predictions and reviews, by name.
    """

    at: datetime
    received: int
    predictions: int
    reviews: int
    failures: int
    latencies: Sequence[int]
    stages_ms: Mapping[str, float]

    @property
    def decided(self) -> int:
        """Outcomes of all kinds."""
        return self.predictions + self.reviews + self.failures


@dataclass(frozen=True, slots=True)
class Decided:
    """Outcomes of one part of time, kind, reason and category, and of a model where models are told apart.

    Failures are without those that were taken back since, and have no category.
    """

    at: datetime
    kind: str
    reason: str
    category: str
    model_version: str
    decided: int
    confidence_sum: float
    labelled: int
    right: int


@dataclass(frozen=True, slots=True)
class SensorCount:
    """What a sensor sent on a day, or in all of several (then `day` is the last)."""

    sensor_id: str
    day: date
    decided: int
    reviews: int
    failures: int
    confidence_sum: float
    last_at: datetime


class History(Protocol):
    """Where rollups are read. Raises LedgerUnavailable."""

    def through(self) -> datetime:
        """Return up to when everything is counted."""

    def flow(self, since: datetime, until: datetime, step_s: float) -> list[FlowPoint]:
        """Return what came and went by parts of `step_s` seconds, the earliest first, without those in which nothing happened."""

    def by_minute(self, since: datetime, until: datetime) -> list[tuple[datetime, int]]:
        """Return how many events ended in each minute, the latest first, without those in which none did."""

    def decided(
        self, since: datetime, until: datetime, grain: Grain, *, by_model: bool = False, by_category: bool = True
    ) -> list[Decided]:
        """Return outcomes of the parts of time that begin from `since` on and before `until`, the earliest first.

        What they are not told apart by is empty in them.
        """

    def confidences(self, since: datetime, until: datetime) -> dict[date, dict[str, list[int]]]:
        """Return predictions and reviews by day, category and twentieth of confidence."""

    def latencies(self, since: datetime, until: datetime, grain: Grain) -> dict[datetime, list[int]]:
        """Return outcomes by part of time and bin of the time from capture to outcome."""

    def of_sensors(self, sensor_ids: Sequence[str], since: date) -> list[SensorCount]:
        """Return what each of them sent by day from `since` on, the earliest day first."""
