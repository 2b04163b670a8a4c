"""One wake-up: claim, fetch side by side, classify as images come, record, tell people. The caller acknowledges last."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from threading import Event, Lock
from typing import TypeVar
from uuid import UUID

from contracts.errors import (
    ImageSourceDown,
    Infrastructure,
    ItemPoisonous,
    LedgerUnavailable,
    ObjectStoreUnavailable,
    StoreKeysRefused,
)
from contracts.facts import (
    DeadLettersPublished,
    DependencyBack,
    DependencyLost,
    ItemDecided,
    ItemPostponed,
    LeaseLost,
    OutcomeRepeated,
)
from contracts.ledger import ClaimedItem
from contracts.messages import Message
from contracts.outcomes import Outcome
from contracts.ports import ImageSource, MessageQueue, Telemetry, WorkerLedger
from worker.classify import Decided, Decoded, ItemClassifier, Postponed, Result
from worker.fetches import Fetches
from worker.progress import LEDGER, OBJECT_STORE, Progress
from worker.turns import Turn, Turns

T = TypeVar("T")

LEASE_S = 120.0
ALONE_FROM_LOSSES = 2
GIVE_UP_FROM_LOSSES = 30
_SOFT_DEADLINE_S = 30.0
_FLUSH_EVERY_S = 1.0
_POLL_S = 0.2
_DECODE_AHEAD = 64
_DECODE_AHEAD_S = 0.1


class ShuttingDown(Exception):
    """This worker is asked to end; the wake-up goes back to the queue."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a worker works with. What `isolated` lends runs one item after the other in a process of their own."""

    ledger: WorkerLedger
    dead_letters: MessageQueue
    images: ImageSource
    turns: Turns
    classifier: ItemClassifier
    isolated: Callable[[], AbstractContextManager[Callable[[ClaimedItem], Result]]]
    telemetry: Telemetry
    owner: UUID
    stopping: Event
    progress: Progress


@dataclass(slots=True)
class _Batch:
    started: float = field(default_factory=time.monotonic)
    flushed: float = field(default_factory=time.monotonic)
    decoded: deque[Decoded] = field(default_factory=deque)
    results: list[Result] = field(default_factory=list)
    store_is_away: bool = False


class Processor:
    """Takes wake-ups. Safe to use from several threads."""

    def __init__(self, workplace: Workplace) -> None:
        """Work with `workplace`, which may be shared."""
        self._place = workplace
        self._in_hand: frozenset[UUID] = frozenset()
        self._lock = Lock()

    def await_store(self) -> None:
        """Return as soon as the object store does not refuse the fleet's keys; raises ShuttingDown.

        It may be away, for a fleet that has its pictures from elsewhere.
        """
        with self._place.progress.working():
            self._insist(lambda: self._place.images.check(answers=False), ObjectStoreUnavailable, OBJECT_STORE)
        self._place.progress.back(OBJECT_STORE)

    def take(self, event_ids: Sequence[UUID], *, first: bool = False) -> bool:
        """Decide those events of a wake-up that are open and free; returns whether there were any.

        Raises ShuttingDown when the wake-up was not begun. What was begun and not finished is back in the ledger.
        """
        place = self._place
        with place.progress.working():
            items = self._claim(event_ids)
            if not first:
                place.progress.passed(items)
            with self._holding(items):
                self._work_through(items)
        return bool(items)

    @contextmanager
    def _holding(self, items: Sequence[ClaimedItem]) -> Iterator[None]:
        ids = {item.event_id for item in items}
        with self._lock:
            self._in_hand |= ids
        try:
            yield
        finally:
            with self._lock:
                self._in_hand -= ids

    def _claim(self, event_ids: Sequence[UUID]) -> list[ClaimedItem]:
        ledger, owner = self._place.ledger, self._place.owner
        asked = False

        def claim() -> list[ClaimedItem]:
            nonlocal asked
            if asked:
                # The claim whose answer was lost may have been granted: nobody would work on those events until
                # their lease ended.
                ledger.release([event_id for event_id in event_ids if event_id not in self._in_hand], owner)
            asked = True
            return ledger.claim(event_ids, owner, LEASE_S)

        return self._insist(claim)

    def _work_through(self, items: Sequence[ClaimedItem]) -> None:
        for item in items:
            if item.losses:
                self._place.telemetry.emit(LeaseLost(item.event_id, item.losses))
        suspects = [item for item in items if item.losses >= ALONE_FROM_LOSSES]
        if suspects:
            # Held one at a time from here on: what dies with one of them says nothing about the others.
            self._release(suspects)
        batch = _Batch()
        self._try_together([item for item in items if item.losses < ALONE_FROM_LOSSES], batch)
        if batch.store_is_away:
            self._insist(self._place.images.check, ObjectStoreUnavailable, OBJECT_STORE)
        elif suspects:
            self._try_alone(suspects, batch)

    def _try_together(self, items: Sequence[ClaimedItem], batch: _Batch) -> None:
        fetches = Fetches(items, self._place.images)
        try:
            with self._place.turns.queue() as turn:
                self._run(batch, fetches, turn)
        finally:
            left = [*fetches.leave(), *(one.item for one in batch.decoded)]
            try:
                self._flush(batch)
            finally:
                if left:
                    # Back to the ledger, uncounted: what was on its way will be fetched again.
                    self._release(left)

    def _try_alone(self, suspects: Sequence[ClaimedItem], batch: _Batch) -> None:
        with self._place.isolated() as alone:
            for suspect in suspects:
                self._place.progress.tick()
                if self._out_of_time(batch):
                    return
                for item in self._claim([suspect.event_id]):
                    self._take_suspect(item, alone)

    def _take_suspect(self, item: ClaimedItem, alone: Callable[[ClaimedItem], Result]) -> None:
        # A holder that vanishes while the item runs in another process says little against the item; the bound only
        # ends what would never end.
        if item.losses >= GIVE_UP_FROM_LOSSES:
            self._record([self._place.classifier.fail(item, ItemPoisonous(f"{item.losses} holders vanished"))])
        else:
            self._settle([alone(item)])

    def _run(self, batch: _Batch, fetches: Fetches, turn: Turn) -> None:
        while fetches and not self._out_of_time(batch):
            if not fetches.ready():
                turn.leave()  # no core shall wait for a picture
            if fetches.wait(_POLL_S) and turn.take(_POLL_S):
                self._compute(batch, fetches)
            if batch.results and time.monotonic() - batch.flushed > _FLUSH_EVERY_S:
                turn.leave()
                self._flush(batch)

    def _compute(self, batch: _Batch, fetches: Fetches) -> None:
        """Decode what is at hand, then classify it: by turns, each costs the other its caches (3 % of an event)."""
        classifier, progress = self._place.classifier, self._place.progress
        until = time.monotonic() + _DECODE_AHEAD_S
        while fetches.ready() and len(batch.decoded) < _DECODE_AHEAD and time.monotonic() < until:
            made = classifier.decode(*fetches.take())
            if isinstance(made, Decoded):
                batch.decoded.append(made)
            else:
                batch.results.append(made)
            # The hard deadline is one item's: sixty-four slow pictures are no reason to end the process.
            progress.tick()
        while batch.decoded:
            batch.results.append(classifier.infer(batch.decoded[0]))
            batch.decoded.popleft()
            progress.tick()
            if self._out_of_time(batch):  # asked last: a picture that took all the time to decode shall not be given back
                return

    def _out_of_time(self, batch: _Batch) -> bool:
        return self._place.stopping.is_set() or batch.store_is_away or time.monotonic() - batch.started > _SOFT_DEADLINE_S

    def _flush(self, batch: _Batch) -> None:
        results, batch.results, batch.flushed = batch.results, [], time.monotonic()
        batch.store_is_away |= self._settle(results)

    def _settle(self, results: Iterable[Result]) -> bool:
        """Record results; returns whether the object store is away or refuses this fleet, which is no event's fault."""
        decided: list[Decided] = []
        postponed: list[Postponed] = []
        for result in results:
            decided.append(result) if isinstance(result, Decided) else postponed.append(result)
        if decided:
            self._record(decided)
        failing = [result for result in postponed if _by_the_store(result)]
        store_is_away = bool(failing) and self._store_is_away()
        if store_is_away:
            self._release([result.item for result in failing])
            postponed = [result for result in postponed if result not in failing]
        if postponed:
            self._postpone(postponed)
        return store_is_away

    def _store_is_away(self) -> bool:
        # Asked for a file of our own choice: one whose name alone confuses the store must not stop the fleet.
        try:
            self._place.images.check()
        except ObjectStoreUnavailable:
            return True
        return False

    def _record(self, decided: Sequence[Decided]) -> None:
        place = self._place
        now = time.perf_counter()
        outcomes = {result.outcome.event_id: _with_record_time(result, now) for result in decided}
        written = set(self._insist(lambda: place.ledger.record(list(outcomes.values()), place.owner)))
        self._publish([outcome for event_id, outcome in outcomes.items() if event_id in written])
        for event_id, outcome in outcomes.items():
            fact = ItemDecided(outcome) if event_id in written else OutcomeRepeated(event_id, outcome.kind)
            place.telemetry.emit(fact)

    def _publish(self, outcomes: Sequence[Outcome]) -> None:
        letters = [outcome.dead_letter for outcome in outcomes if outcome.dead_letter]
        if not letters:
            return
        try:
            self._place.dead_letters.publish([Message(letter.encode()) for letter in letters])
            self._place.ledger.mark_published([letter.event_id for letter in letters])
        except Infrastructure as error:
            # They are in the ledger: the reconciler publishes them when it can, and no event has to wait for that.
            self._place.telemetry.emit(DependencyLost(error.reason, error.detail))
        else:
            self._place.telemetry.emit(DeadLettersPublished(len(letters)))

    def _postpone(self, postponed: Sequence[Postponed]) -> None:
        delays = {result.item.event_id: result.delay_s for result in postponed}
        reasons = {result.item.event_id: result.error.reason for result in postponed}
        self._insist(lambda: self._place.ledger.postpone(delays, self._place.owner, reasons))
        for result in postponed:
            item, error = result.item, result.error
            fact = ItemPostponed(item.event_id, item.sensor_id, item.attempts, error.reason, error.detail, result.delay_s)
            self._place.telemetry.emit(fact)

    def _release(self, items: Sequence[ClaimedItem]) -> None:
        self._insist(lambda: self._place.ledger.release([item.event_id for item in items], self._place.owner))

    def _insist(self, call: Callable[[], T], away: type[Infrastructure] = LedgerUnavailable, need: str = LEDGER) -> T:
        """Call until it does not raise `away`: a worker without its ledger stops pulling, and burns nobody's attempt."""
        lost_at: float | None = None
        pause_s = 0.1
        while True:
            try:
                answer = call()
            except away as error:
                if lost_at is None:
                    lost_at = time.monotonic()
                    self._place.telemetry.emit(DependencyLost(error.reason, error.detail))
                    self._place.progress.lost(need)
                if self._place.stopping.wait(pause_s):
                    raise ShuttingDown from error
                self._place.progress.tick()
                pause_s = min(2.0, pause_s * 2)
            else:
                if lost_at is not None:
                    self._place.progress.back(need)
                    self._place.telemetry.emit(DependencyBack(away.reason, time.monotonic() - lost_at))
                return answer


def _by_the_store(result: Postponed) -> bool:
    return isinstance(result.error, ImageSourceDown | StoreKeysRefused) and result.item.image_url.startswith("s3:")


def _with_record_time(result: Decided, now: float) -> Outcome:
    outcome = result.outcome
    if outcome.latencies is None:
        return outcome
    return replace(outcome, latencies=replace(outcome.latencies, record_ms=(now - result.decided_at) * 1000))
