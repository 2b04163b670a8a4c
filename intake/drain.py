"""From the edge queue into the ledger: check, commit, wake, acknowledge, in this order."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from contracts.errors import EventInvalid, FleetError, Infrastructure, Permanent
from contracts.facts import BatchAccepted, DeadLettersPublished, EventRefused, EventsEntered
from contracts.image_urls import UrlRule
from contracts.ledger import Acceptance, AcceptedEvent
from contracts.messages import Message, Received
from contracts.outcomes import Outcome
from contracts.ports import Clock, IntakeLedger, MessageQueue, Telemetry, WorkQueue
from contracts.traces import Stretch
from intake.checks import DoorRules, check_message
from intake.grouping import group
from intake.refusals import refuse

BATCH = 512
_REVOCATIONS_EVERY_S = 2.0
_DEPTH_EVERY_S = 0.1
_HOLD_S = 0.25
_LOOK_S = 0.004


@dataclass(frozen=True, slots=True)
class _Entry:
    """What became of a batch in the ledger, and when."""

    events: Sequence[tuple[Received, AcceptedEvent]]
    refusals: Sequence[Outcome]
    acceptance: Acceptance
    received_at: float
    accepted: Stretch


class Drain:
    """Takes a batch at a time. Two of them may run side by side."""

    def __init__(
        self,
        edge: MessageQueue,
        ledger: IntakeLedger,
        work: WorkQueue,
        dead_letters: MessageQueue,
        *,
        master_key: bytes,
        urls: UrlRule,
        clock: Clock,
        telemetry: Telemetry,
        max_wake_ups: int = 256,
    ) -> None:
        """Stop taking while `max_wake_ups` wait for workers: the rest of a backlog is cheapest on the edge queue."""
        self._edge, self._ledger, self._work, self._dead_letters = edge, ledger, work, dead_letters
        self._rules = DoorRules(master_key, urls, {})
        self._clock, self._telemetry, self._max_wake_ups = clock, telemetry, max_wake_ups
        self._rules_until = 0.0
        self._workers = 1
        self._room = 0

    def take_one(self, wait_s: float = 1.0) -> bool:
        """Bring one batch into the ledger; returns whether there was one. Raises Infrastructure and loses nothing."""
        self._refresh_rules()
        if not self._has_room():
            time.sleep(_DEPTH_EVERY_S)
            return True
        held = self._hold()
        batch = self._edge.receive(BATCH, wait_s)
        if not batch:
            return False
        receipts = [received.receipt for received in batch]
        try:
            entry = self._enter(batch)
        except FleetError:
            with suppress(Infrastructure):  # what was not given back comes back when its lease ends
                self._edge.release(receipts)
            raise
        untold = self._tell(entry, batch, 1 if held else self._workers)
        # The ledger has them: a broker that is full gets room by this, and the reconciler wakes what was not woken.
        self._edge.ack(receipts)
        if untold:
            raise untold
        return True

    def _has_room(self) -> bool:
        """Return whether wake-ups may be sent; the queue is asked anew when as many were sent as it had room for."""
        if self._room <= 0:
            self._room = self._max_wake_ups - self._work.depth()
        return self._room > 0

    def _hold(self) -> bool:
        """While no worker is free let events gather on the edge queue, where a wake-up is filled; returns whether it had to.

        The fuller the wake-ups, the less each event costs.
        """
        held, until = False, time.monotonic() + _HOLD_S
        while self._work.busy() and time.monotonic() < until:
            held = True
            time.sleep(_LOOK_S)
        return held

    def _enter(self, batch: Sequence[Received]) -> _Entry:
        received_at = time.perf_counter()
        events, refusals = self._check(batch)
        began = time.perf_counter()
        acceptance = self._accept(events, refusals, batch)
        return _Entry(events, refusals, acceptance, received_at, (began, time.perf_counter()))

    def _tell(self, entry: _Entry, batch: Sequence[Received], shares: int) -> Infrastructure | None:
        """Wake workers and publish dead letters; returns what kept it from that."""
        acceptance, refusals = entry.acceptance, entry.refusals
        wake_ups = group(acceptance.new, shares)
        untold, woken = None, None
        try:
            began = time.perf_counter()
            self._work.publish(wake_ups)
            woken = (began, time.perf_counter())
            self._room -= len(wake_ups)
            self._publish(refusals)
        except Infrastructure as error:
            untold = error
        self._telemetry.emit(EventsEntered(entry.events, set(acceptance.new), entry.received_at, entry.accepted, woken))
        waited_s = (self._clock() - min(received.enqueued_at for received in batch)).total_seconds()
        counts = (len(acceptance.new), len(acceptance.repeated), len(acceptance.conflicting), len(refusals))
        self._telemetry.emit(BatchAccepted(*counts, len(wake_ups), max(0.0, waited_s)))
        return untold

    def _check(self, batch: Sequence[Received]) -> tuple[list[tuple[Received, AcceptedEvent]], list[Outcome]]:
        events: list[tuple[Received, AcceptedEvent]] = []
        refusals: list[Outcome] = []
        now = self._clock()
        for received in batch:
            try:
                events.append((received, check_message(received.message, self._rules, now)))
            except Permanent as error:
                refusals.append(self._refuse(received, error))
        return events, refusals

    def _accept(
        self, events: Sequence[tuple[Received, AcceptedEvent]], refusals: list[Outcome], batch: Sequence[Received]
    ) -> Acceptance:
        try:
            return self._ledger.accept([event for _, event in events], refusals)
        except EventInvalid as error:
            if len(batch) == 1:
                refusals[:] = [self._refuse(batch[0], error)]
                return self._ledger.accept([], refusals)
        # One of them holds what Postgres cannot store: alone it harms nobody.
        parts: list[Acceptance] = [self._ledger.accept([], refusals)] if refusals else []
        for received, event in events:
            own: list[Outcome] = []
            parts.append(self._accept([(received, event)], own, [received]))
            refusals += own
        fields = ("new", "repeated", "conflicting")
        return Acceptance(*([event_id for part in parts for event_id in getattr(part, field)] for field in fields))

    def _refuse(self, received: Received, error: Permanent) -> Outcome:
        outcome = refuse(received, error, self._clock())
        sensor_id = (outcome.dead_letter.claimed or {}).get("sensor_id") if outcome.dead_letter else None
        self._telemetry.emit(EventRefused(outcome.event_id, error.reason, error.detail, sensor_id, time.perf_counter()))
        return outcome

    def _publish(self, refusals: Sequence[Outcome]) -> None:
        letters = [outcome.dead_letter for outcome in refusals if outcome.dead_letter]
        if letters:
            began = time.perf_counter()
            self._dead_letters.publish([Message(letter.encode()) for letter in letters])
            published = (began, time.perf_counter())
            self._ledger.mark_published([letter.event_id for letter in letters])
            self._telemetry.emit(DeadLettersPublished(letters, published))

    def _refresh_rules(self) -> None:
        if time.monotonic() >= self._rules_until:
            self._rules = DoorRules(self._rules.master_key, self._rules.urls, self._ledger.revoked())
            self._workers = self._ledger.live_workers()
            self._rules_until = time.monotonic() + _REVOCATIONS_EVERY_S
