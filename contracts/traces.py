"""One trace an event, and its id is the event's: whoever knows the event knows the trace, and no queue or table has to carry it.

The ids of the spans that others hang theirs on follow from the event's id, too: of its root, of what a message was sent by, of an
attempt that people hear of. So a redelivery, a wake-up that the reconciler repeats and a worker that takes over from a dead one all
find the same place.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import TypeAlias
from uuid import UUID

Stretch: TypeAlias = tuple[float, float]
"""A beginning and an end, of `time.perf_counter()` in the process that tells of it."""

ROOT, ACCEPTED, WOKEN = "root", "accepted", "woken"
UPLOADED, PUBLISHED, FORWARDED = "uploaded", "published", "forwarded"
_HEADER = re.compile("00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}", re.ASCII)
_RANDOM_BITS = 56


class Role(Enum):
    """What a step is to the program on its other side."""

    INSIDE = "internal"
    ASKS = "client"
    SENDS = "producer"
    TAKES = "consumer"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A span of somebody else's trace."""

    trace_id: int
    span_id: int


@dataclass(frozen=True, slots=True)
class Step:
    """A span of an event's trace; `began` and `ended` are Unix times. `failed` is why, if it did; `facts` hold no secret."""

    event_id: UUID
    name: str
    span_id: int
    parent_id: int | None
    began: float
    ended: float
    role: Role = Role.INSIDE
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    failed: str = ""
    foreign: Foreign | None = None


def trace_id(event_id: UUID) -> str:
    """Return the id of an event's trace as logs and tools show it: the event's, without its hyphens."""
    return event_id.hex


def span_id(event_id: UUID, step: str) -> int:
    """Return the id of a step that an event has once, in 64 bits."""
    return int.from_bytes(hashlib.sha256(event_id.bytes + step.encode()).digest()[:8], "big") or 1


def attempt(at: datetime) -> str:
    """Return the name for `span_id` of the attempt that ended in a dead letter of that time; a redrive may lead to another."""
    return f"attempt {at.astimezone(UTC).isoformat()}"


def told(at: datetime) -> str:
    """Return the name for `span_id` of the sending of a dead letter of that time."""
    return f"told {at.astimezone(UTC).isoformat()}"


def is_kept(event_id: UUID, share: float) -> bool:
    """Return whether an event is one of the `share`, in [0, 1], that is traced. Every program decides the same.

    By the 56 bits that W3C's trace context calls random, from the upper end, as OpenTelemetry's consistent sampling does. The SDK's
    own sampler by ratio takes 64, of which a UUIDv7's first two never change: of a half it would keep nothing.
    """
    return int.from_bytes(event_id.bytes[9:], "big") >= (1.0 - share) * (1 << _RANDOM_BITS)


def traceparent(event_id: UUID, step: str) -> str:
    """Return W3C's header for a message about an event, sent in a step."""
    return f"00-{event_id.hex}-{span_id(event_id, step):016x}-01"


def is_traceparent(header: str) -> bool:
    """Return whether a header has W3C's form."""
    return bool(_HEADER.fullmatch(header))


def origin(event_id: UUID, header: str | None, *own: str) -> tuple[int, Foreign | None]:
    """Return whose child the first step within a program is, and a span of another trace to be linked with.

    A header is a stranger's: of the event's own trace it may name the parent, but none of the steps that only follow (`own`), for
    a trace must have no circles. Another trace is only linked, and a flag that asks for sampling is not heard at all.
    """
    root = span_id(event_id, ROOT)
    found = _HEADER.fullmatch(header) if header else None
    if found is None:
        return root, None
    trace, span = int(found[1], 16), int(found[2], 16)
    if trace != event_id.int:
        return root, Foreign(trace, span)
    return (root if span in {span_id(event_id, step) for step in own} else span), None
