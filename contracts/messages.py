"""What a queue carries, whatever its technology."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Message:
    """A body with a few short headers (signature, later a trace context)."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Received:
    """A message under a lease: `receipt` acknowledges or releases it, `deliveries` counts from 1."""

    receipt: str
    message: Message
    enqueued_at: datetime
    deliveries: int


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How many messages wait and how many are leased."""

    waiting: int
    leased: int

    @property
    def total(self) -> int:
        """Everything that is not acknowledged."""
        return self.waiting + self.leased
