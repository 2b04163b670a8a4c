"""One event's whole life, as the ledger and the desk have it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to an event at `at` (UTC): `what` in a few words, `who` did it, and `facts` of it."""

    at: datetime
    what: str
    who: str
    facts: Mapping[str, object]


class Stories(Protocol):
    """Where lives of events are read."""

    def story(self, event_id: UUID) -> Sequence[Moment]:
        """Return all that is known of an event, the oldest first; empty if nothing is. Raises LedgerUnavailable."""
