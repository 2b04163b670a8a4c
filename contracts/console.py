"""What the console shows beside the rollups: sensors, events, alerts and models as they stand. Rows are dicts, for people and JSON.

No twin of it in memory, as of the review desk (see `contracts.review_ports`). Every method raises LedgerUnavailable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from contracts.categories import Category
from contracts.names import OutcomeKind

Row: TypeAlias = dict[str, Any]
SILENT_AFTER_S = 6 * 3600.0
"""A sensor that was not heard of for so long is silent."""


MOST_OF_SENSOR = 5000
"""So many of a sensor's last events are searched."""


class Trouble(StrEnum):
    """What may be wrong with a sensor."""

    SILENT = "silent"
    """It was not heard of."""
    QUIET = "quiet"
    """It was heard of, and sends no events."""
    GAPS = "gaps"
    """Events of it are missing."""
    TICKET = "ticket"
    """Its camera is sick."""


@dataclass(frozen=True, slots=True)
class SensorWish:
    """Which sensors are meant: whose name or site begins with `text`, in a trouble; None is any. By name, from beyond `after`."""

    text: str | None = None
    trouble: Trouble | None = None
    after: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class EventWish:
    """Which events are meant, the newest first; None is any. Times are those of capture for a sensor's, else of decision."""

    sensor_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    kind: OutcomeKind | None = None
    category: Category | None = None
    model_version: str | None = None
    limit: int = 50


class ConsoleBook(Protocol):
    """Where the console looks things up, each by an index."""

    def sensors(self, wanted: SensorWish) -> list[Row]:
        """Return sensors: id, site, silent_s, quiet_s, runs and lost (events that are missing), restarts, ticket (its fault)."""

    def sensor_sums(self) -> Row:
        """Return how many sensors there are, and how many are in each trouble, by its name."""

    def sensor(self, sensor_id: str) -> Row | None:
        """Return one sensor with its gaps and its last report; None if nobody has heard of it."""

    def tickets(self, sensor_id: str, limit: int) -> list[Row]:
        """Return the tickets of a sensor's camera, the newest first."""

    def events(self, wanted: EventWish) -> list[Row]:
        """Return events: id, sensor, capture, kind, reason, category, confidence, model; kind is None of one that is open."""

    def image_url(self, event_id: UUID) -> str | None:
        """Return where the picture of an event lies; None if there is no such event."""

    def open_alerts(self, limit: int) -> tuple[list[Row], int]:
        """Return open alerts, the newest first, and how many there are."""

    def past_alerts(self, since: datetime, limit: int) -> list[Row]:
        """Return alerts that opened or closed since then, the newest first."""

    def models(self, limit: int, skip: int) -> tuple[list[Row], int]:
        """Return models without their long facts, those in force first, then the newest, and how many there are."""

    def model(self, version: str) -> Row | None:
        """Return a model with all that is known of it; None if there is none of that name."""

    def known_models(self, text: str, limit: int) -> Sequence[str]:
        """Return versions of models that begin with a text, be they in the registry or in the rollups."""

    def beside(self, versions: Sequence[str]) -> list[Row]:
        """Return how often models on trial agree with the one that decides, of the last few thousand pictures that both saw."""

    def versions(self) -> list[Row]:
        """Return how many live workers there are by version of their program and of their model."""
