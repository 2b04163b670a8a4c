"""What becomes of results: outcomes and retries in the ledger, letters to people; and the wait for what is away."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from contracts.errors import ImageSourceDown, Infrastructure, LedgerUnavailable, ObjectStoreUnavailable, StoreKeysRefused
from contracts.facts import DeadLettersPublished, DependencyBack, DependencyLost, ItemDecided, ItemPostponed, OutcomeRepeated, Way
from contracts.ledger import ClaimedItem
from contracts.messages import Message
from contracts.outcomes import Outcome
from contracts.traces import Stretch
from worker.classify import Decided, Postponed, Result
from worker.progress import LEDGER
from worker.workplace import ShuttingDown, Workplace

T = TypeVar("T")


class Results:
    """Safe to use from several threads."""

    def __init__(self, workplace: Workplace) -> None:
        """Write to the ledger and the dead letters of `workplace`."""
        self._place = workplace

    def settle(self, results: Iterable[Result], claimed: Stretch) -> bool:
        """Record results of what was `claimed` then.

        Returns whether the object store is away or refuses this fleet, which is no event's fault.
        """
        decided: list[Decided] = []
        postponed: list[Postponed] = []
        for result in results:
            decided.append(result) if isinstance(result, Decided) else postponed.append(result)
        if decided:
            self.record(decided, claimed)
        failing = [result for result in postponed if _by_the_store(result)]
        store_is_away = bool(failing) and self._store_is_away()
        if store_is_away:
            self.release([result.item for result in failing])
            postponed = [result for result in postponed if result not in failing]
        if postponed:
            self._postpone(postponed, claimed)
        return store_is_away

    def _store_is_away(self) -> bool:
        # Asked for a file of our own choice: one whose name alone confuses the store must not stop the fleet.
        try:
            self._place.images.check()
        except ObjectStoreUnavailable:
            return True
        return False

    def record(self, decided: Sequence[Decided], claimed: Stretch) -> None:
        """Write outcomes, each once, and tell people of those that are theirs."""
        place = self._place
        now = time.perf_counter()
        outcomes = {result.outcome.event_id: _with_record_time(result, now) for result in decided}
        written = set(self.insist(lambda: place.ledger.record(list(outcomes.values()), place.owner)))
        recorded = (now, time.perf_counter())
        steps = {result.outcome.event_id: result.steps for result in decided}
        place.progress.throughput.decided(len(written))
        now = time.perf_counter()
        waited = {result.outcome.event_id: result.item.age_s + now - result.item.claimed_at for result in decided}
        self._publish([outcome for event_id, outcome in outcomes.items() if event_id in written])
        for event_id, outcome in outcomes.items():
            if event_id in written:
                place.telemetry.emit(ItemDecided(outcome, waited[event_id], Way(claimed, steps[event_id], recorded)))
            else:
                place.telemetry.emit(OutcomeRepeated(event_id, outcome.kind))

    def _publish(self, outcomes: Sequence[Outcome]) -> None:
        letters = [outcome.dead_letter for outcome in outcomes if outcome.dead_letter]
        if not letters:
            return
        began = time.perf_counter()
        try:
            self._place.dead_letters.publish([Message(letter.encode()) for letter in letters])
            published = (began, time.perf_counter())
            self._place.ledger.mark_published([letter.event_id for letter in letters])
        except Infrastructure as error:
            # They are in the ledger: the reconciler publishes them when it can, and no event has to wait for that.
            self._place.telemetry.emit(DependencyLost(error.reason, error.detail))
        else:
            self._place.telemetry.emit(DeadLettersPublished(letters, published))

    def _postpone(self, postponed: Sequence[Postponed], claimed: Stretch) -> None:
        delays = {result.item.event_id: result.delay_s for result in postponed}
        reasons = {result.item.event_id: result.error.reason for result in postponed}
        began = time.perf_counter()
        self.insist(lambda: self._place.ledger.postpone(delays, self._place.owner, reasons))
        recorded = (began, time.perf_counter())
        for result in postponed:
            item, error, way = result.item, result.error, Way(claimed, result.steps, recorded)
            fact = ItemPostponed(item.event_id, item.sensor_id, item.attempts, error.reason, error.detail, result.delay_s, way)
            self._place.telemetry.emit(fact)

    def release(self, items: Sequence[ClaimedItem]) -> None:
        """Give items back uncounted."""
        self.insist(lambda: self._place.ledger.release([item.event_id for item in items], self._place.owner))

    def insist(self, call: Callable[[], T], away: type[Infrastructure] = LedgerUnavailable, need: str = LEDGER) -> T:
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
