"""What the gateway needs of the outside, beside the edge queue: rates, outcomes, and where pictures may be put."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from contracts.names import OutcomeKind


@dataclass(frozen=True, slots=True)
class Wanted:
    """So many events that somebody wants to send at once; `name` is the sensor's."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class EventState:
    """What the ledger says of an event: open, or how it ended. `resolved` is what people said of it, if they did."""

    event_id: UUID
    sensor_id: str
    body_sha256: bytes
    kind: OutcomeKind | None = None
    category: str | None = None
    confidence: float | None = None
    model_version: str | None = None
    reason: str | None = None
    resolved: str | None = None
    processing_time_ms: float | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """A place for one picture: PUT it to `url` with exactly these `headers` until `expires_at`; the event names `image_url`."""

    image_url: str
    url: str
    headers: Mapping[str, str]
    expires_at: datetime


class Rates(Protocol):
    """Token buckets, shared by all gateways. Raises QueueUnavailable when their store is away."""

    def take(self, wanted: Sequence[Wanted]) -> list[float]:
        """Take tokens, for each name its own and for all together; return for each the seconds to wait, 0 if it may send now."""


class Outcomes(Protocol):
    """The ledger as the gateway reads it. Raises LedgerUnavailable."""

    def states(self, event_ids: Collection[UUID]) -> dict[UUID, EventState]:
        """Return what is known of each, in one query; an event that is still on the queue is not known."""

    def refused(self) -> dict[str, int]:
        """Return the last generation that is refused, of each sensor that has one."""


class Uploads(Protocol):
    """Makes places for pictures."""

    def place(self, key: str, content_type: str, size_bytes: int, valid_s: int) -> Upload:
        """Return a place for one object of this key, type and size. Asks nobody, so it cannot fail."""
