"""The rooms on the twins: intake, the worker and the reconciler without a socket."""

import threading
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from adapters.memory import ManualClock, MemoryObjects, MemoryTelemetry
from adapters.memory_ledger import MemoryLedger
from adapters.memory_queue import MemoryMessageQueue, MemoryWorkQueue
from contracts.errors import ImageSourceDown, ItemPoisonous, LedgerUnavailable, QueueUnavailable
from contracts.facts import (
    BatchAccepted,
    DependencyBack,
    DependencyLost,
    EventRefused,
    ItemDecided,
    ItemPostponed,
    WakeUpsRepublished,
)
from contracts.image_urls import UrlRule
from contracts.messages import Message
from contracts.names import OutcomeKind
from contracts.outcomes import DeadLetter
from dlq_review.drain import UNDECODABLE, DeadLetterDrain
from intake.drain import Drain
from intake.reconciler import Reconciler
from tests.makers import MASTER_KEY, a_letter, a_message, accepted, an_event
from worker.classify import ItemClassifier
from worker.fetches import Fetcher
from worker.process import Processor, ShuttingDown, Workplace
from worker.progress import Progress


class Model:
    version, threshold = "m1", 0.75

    def __init__(self):
        self.seen, self.pause_s = [], 0

    def classify(self, image):
        self.seen.append(image)
        time.sleep(self.pause_s)
        if image == b"crash":
            raise ValueError("unforeseen")
        best = 0.5 if image == b"unsure" else 0.9
        return [best, *[(1 - best) / 4] * 4]


class House:
    """All rooms on twins."""

    def __init__(self):
        self.clock = ManualClock(datetime.now(UTC))
        self.ledger = MemoryLedger(self.clock)
        self.edge, self.letters, self.work = MemoryMessageQueue(), MemoryMessageQueue(), MemoryWorkQueue()
        self.objects, self.telemetry, self.model = MemoryObjects("waste-images"), MemoryTelemetry(), Model()
        self.stopping = threading.Event()
        self.drain = Drain(
            self.edge, self.ledger, self.work, self.letters,
            master_key=MASTER_KEY, urls=UrlRule(frozenset({"waste-images"})), clock=self.clock, telemetry=self.telemetry,
        )  # fmt: skip
        self.reconciler = Reconciler(self.ledger, self.work, self.letters, self.telemetry)

    def processor(self, ledger=None):
        classifier = ItemClassifier(
            lambda data: data, lambda: self.model, threading.Semaphore(1), clock=self.clock, chance=lambda: 0.5
        )
        owner = uuid4()
        place = Workplace(
            ledger or self.ledger, self.letters, Fetcher(self.objects), classifier,
            lambda: nullcontext(lambda item: classifier.fail(item, ItemPoisonous("alone"))), self.telemetry, owner, self.stopping, Progress(),
        )  # fmt: skip
        from contracts.ledger import WorkerPulse

        self.ledger.beat(WorkerPulse(owner, "h", 1, "0", "m1"))
        return Processor(place)

    def throw(self, data=b"sure"):
        event = an_event(self.clock())
        url = self.objects.put(f"{event.event_id}.jpg", data, "image/jpeg") if data is not None else event.image_url
        event = event.model_copy(update={"image_url": url})
        self.edge.publish([a_message(event)])
        return event.event_id

    def run(self, processor=None):
        while self.drain.take_one(0):
            pass
        worker = processor or self.processor()
        while wake_up := self.work.take():
            worker.take(wake_up[0], first=wake_up[1])


@pytest.fixture
def house():
    return House()


def test_an_event_becomes_a_prediction(house):
    event_id = house.throw()
    house.run()
    outcome = house.ledger.outcomes[event_id]
    assert (outcome.kind, outcome.prediction.category, outcome.attempts) == (OutcomeKind.PREDICTION, "plastic", 1)
    assert house.letters.depth().total == 0
    assert [fact.outcome.event_id for fact in house.telemetry.of(ItemDecided)] == [event_id]


def test_what_is_unsure_is_published_with_all_that_people_need(house):
    event_id = house.throw(b"unsure")
    house.run()
    (received,) = house.letters.receive(10, 0)
    letter = DeadLetter.decode(received.message.body)
    assert (letter.event_id, letter.kind, letter.reason, letter.confidence) == (event_id, "review", "low_confidence", 0.5)
    assert len(letter.scores) == 5
    assert house.ledger.published == {event_id}


def test_one_unforeseen_error_hits_its_item_alone(house):
    crash, good = house.throw(b"crash"), [house.throw() for _ in range(20)]
    house.run()
    assert set(house.ledger.outcomes) == set(good)
    (postponed,) = house.telemetry.of(ItemPostponed)
    assert (postponed.event_id, postponed.reason) == (crash, "unexpected")


def test_a_missing_image_is_tried_again_and_ends_as_a_failure(house):
    event_id = house.throw(None)
    house.run()
    for wait_s in (5, 30, 120, 600):
        assert event_id not in house.ledger.outcomes
        house.clock.advance(wait_s + 1)
        house.reconciler.take_one()
        house.run()
    outcome = house.ledger.outcomes[event_id]
    assert (outcome.kind, outcome.reason, outcome.attempts) == (OutcomeKind.FAILURE, "image_missing", 5)
    assert {fact.cause for fact in house.telemetry.of(WakeUpsRepublished)} == {"due"}


def test_a_source_that_comes_back_is_asked_again(house):
    house.objects.fetch = iter_raise(house.objects.fetch, ImageSourceDown("HTTP 503"))
    event_id = house.throw()
    house.run()
    house.clock.advance(10)
    house.reconciler.take_one()
    house.run()
    assert house.ledger.outcomes[event_id].attempts == 2


def iter_raise(call, *errors):
    waiting = list(errors)

    def wrapped(*arguments, **keywords):
        if waiting:
            raise waiting.pop(0)
        return call(*arguments, **keywords)

    return wrapped


def test_a_refused_message_becomes_a_failure_and_never_work(house):
    house.edge.publish([Message(b"not json", {}), a_message(an_event(house.clock()), b"z" * 32)])
    house.run()
    assert {outcome.reason for outcome in house.ledger.outcomes.values()} == {"event_invalid", "signature_invalid"}
    assert len(house.telemetry.of(EventRefused)) == 2
    assert house.letters.depth().total == 2
    assert house.ledger.rows == {}


def test_a_message_delivered_twice_opens_one_event(house):
    event = an_event(house.clock())
    house.edge.publish([a_message(event)] * 5)
    house.run()
    (fact,) = house.telemetry.of(BatchAccepted)
    assert (fact.new, len(house.ledger.rows)) == (1, 1)


def test_a_broker_that_fails_after_the_commit_loses_nothing(house):
    event_id = house.throw()
    house.work.publish = iter_raise(house.work.publish, QueueUnavailable("reset"))
    with pytest.raises(QueueUnavailable):
        house.drain.take_one(0)
    assert house.edge.depth().total == 0, "a full broker would never get room"
    house.run()
    assert event_id not in house.ledger.outcomes
    house.clock.advance(6)
    house.reconciler.take_one()
    house.run()
    assert event_id in house.ledger.outcomes


def test_a_full_work_queue_leaves_the_rest_on_the_edge_queue(house):
    house.work.publish([[uuid4()]] * 256)
    house.throw()
    assert house.drain.take_one(0)
    assert house.edge.depth().waiting == 1


def test_events_gather_while_no_worker_is_free_and_share_a_wake_up(house, monkeypatch):
    monkeypatch.setattr("intake.drain._HOLD_S", 60)
    house.processor()
    house.drain.take_one(0)
    house.throw()
    house.drain.take_one(0)
    late = [house.throw() for _ in range(5)]
    threading.Timer(0.1, house.work.take).start()
    began = time.monotonic()
    house.drain.take_one(0)
    assert 0.1 <= time.monotonic() - began < 30
    assert house.work.take() == (late, False)


def test_events_do_not_wait_long_for_workers_that_never_take_anything(house):
    house.work.publish([[uuid4()]])
    house.throw()
    began = time.monotonic()
    assert house.drain.take_one(0)
    assert 0.25 <= time.monotonic() - began < 30


def test_an_event_whose_holders_vanished_twice_runs_alone_and_its_neighbours_come_through(house):
    bad, good = house.throw(), house.throw()
    house.drain.take_one(0)
    for _ in range(2):
        house.ledger.claim([bad], uuid4(), 60)
        house.clock.advance(61)
    house.run()
    assert house.ledger.outcomes[bad].reason == "poison"
    assert house.ledger.outcomes[good].kind == OutcomeKind.PREDICTION


@pytest.mark.parametrize(("losses", "detail"), [(2, "alone"), (29, "alone"), (30, "30 holders vanished")])
def test_only_the_bound_ends_an_event_whose_holders_vanish_while_it_is_alone(house, losses, detail):
    event_id = house.throw()
    house.drain.take_one(0)
    for _ in range(losses):
        house.ledger.claim([event_id], uuid4(), 60)
        house.clock.advance(61)
    house.run()
    assert house.ledger.outcomes[event_id].detail == detail


def test_a_late_outcome_of_a_paused_worker_is_refused(house):
    event_id = house.throw()
    house.drain.take_one(0)
    owner = uuid4()
    (item,) = house.ledger.claim([event_id], owner, 60)
    house.clock.advance(61)
    house.run()
    from tests.makers import an_outcome

    late = an_outcome(an_event(event_id=event_id), OutcomeKind.REVIEW)
    assert house.ledger.record([late], owner) == []
    assert house.ledger.outcomes[event_id].kind == OutcomeKind.PREDICTION
    assert item.attempts == 1


class Away:
    """A ledger that does not answer the first times."""

    def __init__(self, ledger, times):
        self._ledger, self._times = ledger, times

    def __getattr__(self, name):
        call = getattr(self._ledger, name)

        def answer(*arguments, **keywords):
            if self._times > 0:
                self._times -= 1
                raise LedgerUnavailable("away")
            return call(*arguments, **keywords)

        return answer


def test_a_worker_waits_for_its_ledger_and_burns_no_attempt(house):
    event_id = house.throw()
    house.run(house.processor(Away(house.ledger, 3)))
    assert house.ledger.outcomes[event_id].attempts == 1
    assert len(house.telemetry.of(DependencyLost)) == len(house.telemetry.of(DependencyBack)) == 1


class LedgerThatForgetsToAnswer:
    """Grants the first claim and loses the answer on its way."""

    def __init__(self, ledger, clock):
        self._ledger, self._clock, self._answers = ledger, clock, False

    def claim(self, event_ids, owner, lease_s):
        items = self._ledger.claim(event_ids, owner, lease_s)
        if not self._answers:
            self._answers = True
            self._clock.advance(1)
            raise LedgerUnavailable("reset")
        return items

    def __getattr__(self, name):
        return getattr(self._ledger, name)


def test_a_claim_that_was_granted_and_not_answered_is_not_lost_until_its_lease_ends(house):
    event_id = house.throw()
    house.run(house.processor(LedgerThatForgetsToAnswer(house.ledger, house.clock)))
    assert house.ledger.outcomes[event_id].kind == OutcomeKind.PREDICTION
    assert house.ledger.rows[event_id].attempts == 1


def test_a_worker_told_to_end_while_its_ledger_is_away_gives_the_wake_up_back(house):
    house.throw()
    house.drain.take_one(0)
    house.stopping.set()
    with pytest.raises(ShuttingDown):
        house.processor(Away(house.ledger, 10**6)).take(house.work.take()[0])


def test_a_worker_told_to_end_gives_back_what_it_has_not_begun(house):
    event_id = house.throw()
    house.drain.take_one(0)
    house.stopping.set()
    house.processor().take(house.work.take()[0])
    row = house.ledger.rows[event_id]
    assert (row.open, row.attempts, row.losses, row.lease_owner) == (True, 0, 0, None)
    house.stopping.clear()
    house.clock.advance(1)
    house.reconciler.take_one()
    house.run()
    assert event_id in house.ledger.outcomes


def test_a_wake_up_of_slow_pictures_gives_back_what_it_has_no_time_for(house, monkeypatch):
    monkeypatch.setattr("worker.process._SOFT_DEADLINE_S", 0.1)
    ids = [house.throw() for _ in range(12)]
    while house.drain.take_one(0):
        pass
    house.model.pause_s = 0.04
    house.processor().take(ids)
    left = [house.ledger.rows[event_id] for event_id in ids if house.ledger.rows[event_id].open]
    assert 5 <= len(left) <= 11
    assert {(row.attempts, row.losses, row.lease_owner) for row in left} == {(0, 0, None)}


def test_dead_letters_that_could_not_be_published_are_published_late(house):
    event_id = house.throw(b"unsure")
    house.letters.publish = iter_raise(house.letters.publish, QueueUnavailable("reset"))
    house.run()
    assert house.letters.depth().total == 0
    house.clock.advance(11)
    house.reconciler.take_one()
    assert house.letters.depth().total == 1
    assert house.ledger.published == {event_id}


HALF_LETTERS = [
    Message(
        b'{"event_id":"0199b5a0-0000-7000-8000-000000000001","kind":"review","reason":"x","decided_at":"2026-01-01T00:00:00Z"}'
    ),
    Message(
        b'{"event_id":"0199b5a0-0000-7000-8000-000000000002","kind":"failure","reason":"x","decided_at":"0001-01-01T00:00:00+15:00"}'
    ),
]


def test_the_drain_files_each_letter_once_and_keeps_what_it_cannot_read(house):
    letter = a_letter(an_event())
    house.letters.publish([Message(letter.encode()), Message(letter.encode()), Message(b"\xffrubbish"), *HALF_LETTERS])
    drain = DeadLetterDrain(house.letters, house.ledger, house.clock, house.telemetry)
    while drain.take_one(0):
        pass
    assert len(house.ledger.filed) == 4
    assert {filed.reason for filed in house.ledger.filed.values()} == {"low_confidence", UNDECODABLE}
    assert house.letters.depth().total == 0


def test_events_are_accepted_by_their_digest(house):
    event = an_event(house.clock())
    assert house.ledger.accept([accepted(event)], []).new == [event.event_id]
