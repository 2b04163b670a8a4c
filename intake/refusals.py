"""A message that is refused becomes a failure outcome of its own.

It never takes the place of the event that it claims to be: whoever saw an id on its way could otherwise end that event
by sending rubbish under its name. Its own id is made from the message, so that a repeated delivery changes nothing.
"""

import hashlib
from datetime import datetime
from uuid import UUID

from contracts.codec import read_claims
from contracts.errors import Permanent
from contracts.ids import uuid7
from contracts.messages import Received
from contracts.names import SIGNATURE_HEADER, OutcomeKind
from contracts.outcomes import DeadLetter, Outcome, raw_text

_MAX_RAW_BYTES = 64 * 1024


def refusal_id(received: Received) -> UUID:
    """Return the id of a refused message: its time on the queue and a digest of all that it holds."""
    digest = hashlib.sha256(received.message.body)
    for name, value in sorted(received.message.headers.items()):
        digest.update(f"\0{name}\0{value}".encode())
    return uuid7(received.enqueued_at, digest.digest())


def refuse(received: Received, error: Permanent, now: datetime) -> Outcome:
    """Return the failure outcome of a refused message, with its raw bytes for people to look at."""
    # With its signature people can send it through this door again, once what refused it has been put right.
    signature = received.message.headers.get(SIGNATURE_HEADER, "")[:256]
    claimed = dict(read_claims(received.message.body)) | ({"signature": signature} if signature.isprintable() and signature else {})
    letter = DeadLetter(
        event_id=refusal_id(received),
        kind=OutcomeKind.FAILURE,
        reason=error.reason,
        detail=error.detail[:500],
        decided_at=now,
        claimed=claimed,
        raw=raw_text(received.message.body[:_MAX_RAW_BYTES]),
    )
    return Outcome(
        event_id=letter.event_id,
        kind=OutcomeKind.FAILURE,
        sensor_id=None,
        captured_at=None,
        reason=letter.reason,
        detail=letter.detail,
        dead_letter=letter,
    )
