"""What the service knows of each sensor, so that "no event" is told from "no waste"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

Numbers = tuple[int, int]
"""The first and the last of a run of events, both missing."""


class Presence(StrEnum):
    """How a sensor is. Pure contact without events means that nobody threw anything in."""

    HEARD = "heard"
    QUIET = "quiet"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Contact:
    """What a device says of itself when it has nothing else to say: the number of its next event, and free facts."""

    sensor_id: str
    next_sequence: int
    report: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class KnownSensor:
    """A sensor: `missing` are runs of events that never came, `tail` how many it says it made beyond the last that came.

    `given_up` events were missing when it began to count anew; `silent_s` and `quiet_s` are seconds since it was last heard
    of, and since its last event (None: never).
    """

    sensor_id: str
    site: str
    silent_s: float | None
    quiet_s: float | None
    last_sequence: int | None
    missing: Sequence[Numbers]
    tail: int
    given_up: int
    restarts: int
    last_contact_at: datetime | None
    report: Mapping[str, object]

    @property
    def lost(self) -> int:
        """How many of its events the service knows of and does not have."""
        return self.tail + sum(last - first + 1 for first, last in self.missing)

    def presence(self, silent_after_s: float) -> Presence:
        """Return how it is."""
        if self.silent_s is None or self.silent_s > silent_after_s:
            return Presence.SILENT
        return Presence.QUIET if self.quiet_s is None or self.quiet_s > silent_after_s else Presence.HEARD


class SensorBook(Protocol):
    """Where sensors are known. Raises LedgerUnavailable."""

    def note(self, contact: Contact) -> None:
        """Note that a sensor was heard of."""

    def sensors(self, site: str | None) -> Sequence[KnownSensor]:
        """Return all that were registered or ever heard of, by name; of one site or of all."""
