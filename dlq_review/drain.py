"""From the dead-letter queue into the two lanes: file in one transaction, then acknowledge."""

import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress

from structlog import get_logger

from contracts.errors import EventInvalid, Infrastructure
from contracts.facts import DeadLettersFiled
from contracts.ids import made_at, uuid7
from contracts.messages import Received
from contracts.names import OutcomeKind
from contracts.outcomes import DeadLetter, raw_text, storable_time
from contracts.ports import Clock, MessageQueue, ReviewDesk, Telemetry

BATCH = 200
UNDECODABLE = "dead_letter_undecodable"
_MAX_RAW_BYTES = 64 * 1024


class DeadLetterDrain:
    """Takes a batch at a time; repetition changes nothing."""

    def __init__(self, queue: MessageQueue, desk: ReviewDesk, clock: Clock, telemetry: Telemetry, *, gather_s: float = 0.0) -> None:
        """Move what `queue` holds to `desk`; a letter waits `gather_s` for others, since a commit costs as much as ten of them."""
        self._queue, self._desk, self._clock, self._telemetry = queue, desk, clock, telemetry
        self._gather_s = gather_s

    def take_one(self, wait_s: float = 1.0) -> bool:
        """File one batch; returns whether there was one. Raises Infrastructure and loses nothing."""
        batch = self._queue.receive(BATCH, wait_s)
        if not batch:
            return False
        received_at = time.perf_counter()
        if self._gather_s and len(batch) < BATCH:
            time.sleep(self._gather_s)
            with suppress(Infrastructure):  # what has come is filed all the same
                batch += self._queue.receive(BATCH - len(batch), 0)
        receipts = [received.receipt for received in batch]
        try:
            letters = [self._letter(received) for received in batch]
            began = time.perf_counter()
            new = self._file(letters)
        except Exception:
            with suppress(Infrastructure):  # what was not given back comes back when its lease ends
                self._queue.release(receipts)
            raise
        filed = (began, time.perf_counter())
        self._queue.ack(receipts)
        self._telemetry.emit(DeadLettersFiled(letters, new, received_at, filed))
        return True

    def _file(self, letters: Sequence[DeadLetter]) -> int:
        try:
            return self._desk.file(letters)
        except Infrastructure:
            raise
        except Exception:  # noqa: BLE001 - alone each is tried again, and what it cannot be is said of it
            # One of them holds what Postgres cannot store, or what nobody foresaw: the others must not wait behind it.
            if len(letters) == 1:
                get_logger("waste").exception("letter_not_fileable", event_id=str(letters[0].event_id))
                return self._desk.file([_plain(letters[0])])
            return sum(self._file([letter]) for letter in letters)

    def _letter(self, received: Received) -> DeadLetter:
        try:
            return DeadLetter.decode(received.message.body)
        except EventInvalid as error:
            digest = hashlib.sha256(received.message.body).digest()
            event_id = uuid7(storable_time(received.enqueued_at), digest)
            return DeadLetter(
                event_id=event_id,
                kind=OutcomeKind.FAILURE,
                reason=UNDECODABLE,
                detail=error.detail[:500],
                decided_at=made_at(event_id),  # the same at each delivery, which makes it the same failure
                raw=raw_text(received.message.body[:_MAX_RAW_BYTES]),
            )


def _plain(letter: DeadLetter) -> DeadLetter:
    return DeadLetter(
        event_id=letter.event_id,
        kind=OutcomeKind.FAILURE,
        reason=UNDECODABLE,
        detail="holds a value that cannot be stored",
        decided_at=letter.decided_at,
        raw=raw_text(letter.encode()[:_MAX_RAW_BYTES]),
    )
