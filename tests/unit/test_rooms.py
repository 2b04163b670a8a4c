"""The rooms on the twins: intake, the worker and the reconciler without a socket."""

import threading
import time
from uuid import uuid4

import pytest

from contracts.errors import ImageSourceDown, QueueUnavailable
from contracts.facts import (
    BatchAccepted,
    DeadLettersFiled,
    EventRefused,
    ItemDecided,
    ItemPostponed,
    WakeUpsRepublished,
)
from contracts.messages import Message
from contracts.names import OutcomeKind
from contracts.outcomes import DeadLetter
from dlq_review.drain import UNDECODABLE, DeadLetterDrain
from tests.makers import a_letter, a_message, accepted, an_event


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


def test_what_seems_to_be_none_of_the_five_goes_to_people_with_its_score(house):
    event_id = house.throw(b"none of the five")
    house.run()
    (received,) = house.letters.receive(10, 0)
    letter = DeadLetter.decode(received.message.body)
    assert (letter.event_id, letter.kind, letter.reason) == (event_id, "review", "out_of_distribution")
    assert (letter.confidence, letter.outlier_score) == (0.9, 0.9)
    assert house.ledger.outcomes[event_id].prediction.outlier_score == 0.9


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
    house.objects.begin = iter_raise(house.objects.begin, ImageSourceDown("HTTP 503"))
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
    began = time.monotonic()
    threading.Timer(0.1, house.work.take).start()
    house.drain.take_one(0)
    assert 0.1 <= time.monotonic() - began < 30
    assert house.work.take() == (late, False)


def test_events_do_not_wait_long_for_workers_that_never_take_anything(house):
    house.work.publish([[uuid4()]])
    house.throw()
    began = time.monotonic()
    assert house.drain.take_one(0)
    assert 0.25 <= time.monotonic() - began < 30


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


def test_what_gathered_while_no_worker_was_free_goes_out_as_one_wake_up(house):
    house.processor(), house.processor()
    for _ in range(2):
        for _ in range(4):
            house.throw()
        house.drain.take_one(0)
    assert [len(house.work.take()[0]) for _ in range(3)] == [2, 2, 4]


def test_a_dead_letter_waits_a_moment_for_others(house):
    drain = DeadLetterDrain(house.letters, house.ledger, house.clock, house.telemetry, gather_s=0.2)
    house.letters.publish([Message(a_letter(an_event()).encode())])
    late = threading.Timer(0.05, lambda: house.letters.publish([Message(a_letter(an_event()).encode())]))
    late.start()
    assert drain.take_one(0)
    (fact,) = house.telemetry.of(DeadLettersFiled)
    assert (len(fact.letters), fact.new) == (2, 2)
