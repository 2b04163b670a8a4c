"""One wake-up: claim, fetch side by side, classify as images come, record, tell people. The caller acknowledges last."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TypeVar
from uuid import UUID

from contracts.errors import ItemPoisonous, ObjectStoreUnavailable
from contracts.facts import LeaseLost, WakeUpTaken
from contracts.ledger import ClaimedItem
from contracts.traces import Stretch
from worker.classify import Decoded, Result
from worker.fetches import Fetches
from worker.opinions import SecondOpinions
from worker.progress import OBJECT_STORE
from worker.results import Results
from worker.turns import Turn
from worker.workplace import Workplace

T = TypeVar("T")
LEASE_S = 120.0
ALONE_FROM_LOSSES = 2
GIVE_UP_FROM_LOSSES = 30
_SOFT_DEADLINE_S = 30.0
_FLUSH_EVERY_S = 1.0
_POLL_S = 0.2
_TURN_S = 2.0
"""Another wake-up's suspect may hang for longer; this thread has better things to do, and the reconciler wakes them at once."""
_DECODE_AHEAD = 64
_DECODE_AHEAD_S = 0.1


@dataclass(slots=True)
class _Batch:
    claimed: Stretch
    started: float = field(default_factory=time.monotonic)
    flushed: float = field(default_factory=time.monotonic)
    decoded: deque[Decoded] = field(default_factory=deque)
    results: list[Result] = field(default_factory=list)
    watched: list[Decoded] = field(default_factory=list)
    store_is_away: bool = False


class Processor:
    """Takes wake-ups. Safe to use from several threads."""

    def __init__(self, workplace: Workplace) -> None:
        """Work with `workplace`, which may be shared."""
        self._place = workplace
        self._results = Results(workplace)
        self._opinions = SecondOpinions(workplace)
        self._in_hand: frozenset[UUID] = frozenset()
        self._lock = Lock()

    def await_store(self) -> None:
        """Return as soon as the object store does not refuse the fleet's keys; raises ShuttingDown.

        It may be away, for a fleet that has its pictures from elsewhere.
        """
        with self._place.progress.working():
            self._results.insist(lambda: self._place.images.check(answers=False), ObjectStoreUnavailable, OBJECT_STORE)
        self._place.progress.back(OBJECT_STORE)

    def await_ledger(self, call: Callable[[], T]) -> T:
        """Return what a call of the ledger gives, as soon as the ledger answers; raises ShuttingDown."""
        with self._place.progress.working():
            return self._results.insist(call)

    def take(self, event_ids: Sequence[UUID], *, first: bool = False) -> bool:
        """Decide those events of a wake-up that are open and free; returns whether there were any.

        Raises ShuttingDown when the wake-up was not begun. What was begun and not finished is back in the ledger.
        """
        place = self._place
        with place.progress.working():
            began = time.perf_counter()
            items = self._claim(event_ids)
            claimed = (began, time.perf_counter())
            if not first:
                place.progress.passed(items)
            if items:
                place.telemetry.emit(WakeUpTaken(len(items)))
            self._work_through(items, claimed)
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

        items = self._results.insist(claim)
        now = time.perf_counter()
        return [replace(item, claimed_at=now) for item in items]

    def _work_through(self, items: Sequence[ClaimedItem], claimed: Stretch) -> None:
        for item in items:
            if item.losses:
                self._place.telemetry.emit(LeaseLost(item.event_id, item.losses))
        suspects = [item for item in items if item.losses >= ALONE_FROM_LOSSES]
        others = [item for item in items if item.losses < ALONE_FROM_LOSSES]
        batch = _Batch(claimed)
        with self._holding(others):
            if suspects:
                # Held one at a time from here on: what dies with one of them says nothing about the others.
                self._results.release(suspects)
            self._try_together(others, batch)
        if batch.store_is_away:
            self._results.insist(self._place.images.check, ObjectStoreUnavailable, OBJECT_STORE)
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
                    self._results.release(left)
        self._opinions.give(batch.watched)

    def _try_alone(self, suspects: Sequence[ClaimedItem], batch: _Batch) -> None:
        with self._place.isolated as child:
            for suspect in suspects:
                with child.turn(_TURN_S) as alone:
                    if alone is None or self._out_of_time(batch):
                        return
                    self._place.progress.tick()
                    began = time.perf_counter()
                    claimed = self._claim([suspect.event_id])
                    with self._holding(claimed):
                        for item in claimed:
                            self._take_suspect(item, alone, (began, time.perf_counter()))

    def _take_suspect(self, item: ClaimedItem, alone: Callable[[ClaimedItem], Result], claimed: Stretch) -> None:
        # A holder that vanishes while the item runs in another process says little against the item; the bound only
        # ends what would never end.
        if item.losses >= GIVE_UP_FROM_LOSSES:
            self._results.record([self._place.classifier.fail(item, ItemPoisonous(f"{item.losses} holders vanished"))], claimed)
            return
        try:
            result = alone(item)
        except Exception:
            self._results.release([item])  # such as that the model of a child is away, which is nobody's fault here
            raise
        self._results.settle([result], claimed)

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
            decoded = batch.decoded.popleft()
            if self._opinions.wanted(decoded):
                batch.watched.append(decoded)
            progress.tick()
            if self._out_of_time(batch):  # asked last: a picture that took all the time to decode shall not be given back
                return

    def _out_of_time(self, batch: _Batch) -> bool:
        return self._place.stopping.is_set() or batch.store_is_away or time.monotonic() - batch.started > _SOFT_DEADLINE_S

    def _flush(self, batch: _Batch) -> None:
        results, batch.results, batch.flushed = batch.results, [], time.monotonic()
        batch.store_is_away |= self._results.settle(results, batch.claimed)
