"""Wakes what nobody else will wake: retries that are due, events of workers that vanished, wake-ups that were lost."""

import time
from collections.abc import Sequence
from uuid import UUID

from contracts.facts import DeadLettersPublished, WakeUpsRepublished
from contracts.messages import Message
from contracts.ports import MessageQueue, Reconciliation, Telemetry, WorkQueue
from intake.grouping import group

_LIMIT = 1000
_SHARES = 8
_PASSED_OVER_EVERY_S = 2.0
_UNPUBLISHED_EVERY_S = 5.0


class Reconciler:
    """One leads; the others ask every round whether it still does."""

    def __init__(
        self,
        ledger: Reconciliation,
        work: WorkQueue,
        dead_letters: MessageQueue,
        telemetry: Telemetry,
        *,
        grace_s: float = 5.0,
    ) -> None:
        """`grace_s` is how long a wake-up may lie between queue and claim before it can count as lost."""
        self._ledger, self._work, self._dead_letters, self._telemetry = ledger, work, dead_letters, telemetry
        self._grace_s = grace_s
        self._passed_over_at = 0.0
        self._unpublished_at = 0.0

    def take_one(self) -> bool:
        """Go round once; returns whether there may be more to do at once. Raises Infrastructure."""
        with self._ledger.lead() as leading:
            return leading and self._reconcile()

    def _reconcile(self) -> bool:
        woken = self._wake("due", self._ledger.due(_LIMIT))
        woken += self._wake("abandoned", self._ledger.abandoned(_LIMIT))
        if time.monotonic() >= self._passed_over_at:
            self._passed_over_at = time.monotonic() + _PASSED_OVER_EVERY_S
            empty = self._work.depth() == 0
            woken += self._wake("passed_over", self._ledger.passed_over(_LIMIT, self._grace_s, queue_empty=empty))
        if time.monotonic() >= self._unpublished_at:
            self._unpublished_at = time.monotonic() + _UNPUBLISHED_EVERY_S
            self._publish_late()
        return woken >= _LIMIT

    def _wake(self, cause: str, event_ids: Sequence[UUID]) -> int:
        if event_ids:
            began = time.perf_counter()
            self._work.publish(group(event_ids, _SHARES), first=True)
            self._telemetry.emit(WakeUpsRepublished(cause, event_ids, (began, time.perf_counter())))
        return len(event_ids)

    def _publish_late(self) -> None:
        letters = self._ledger.unpublished(_LIMIT, grace_s=self._grace_s * 2)
        if letters:
            began = time.perf_counter()
            self._dead_letters.publish([Message(letter.encode()) for letter in letters])
            published = (began, time.perf_counter())
            self._ledger.mark_published([letter.event_id for letter in letters])
            self._telemetry.emit(DeadLettersPublished(letters, published, late=True))
