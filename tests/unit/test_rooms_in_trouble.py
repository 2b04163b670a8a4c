"""Workers that vanish, are paused, told to end, or lose their ledger: the rooms on the twins."""

import threading
import time
from uuid import uuid4

import pytest

from contracts.errors import LedgerUnavailable, ModelUnusable
from contracts.facts import (
    DependencyBack,
    DependencyLost,
    ItemPostponed,
)
from contracts.names import OutcomeKind
from tests.conftest import wait_for
from tests.makers import an_event
from worker.workplace import ShuttingDown


def lost(house, holders):
    """Accept an event that so many holders claim and vanish with; returns its id."""
    event_id = house.throw()
    house.drain.take_one(0)
    for _ in range(holders):
        house.ledger.claim([event_id], uuid4(), 60)
        house.clock.advance(61)
    return event_id


def test_an_event_whose_holders_vanished_twice_runs_alone_and_its_neighbours_come_through(house):
    good = house.throw()
    bad = lost(house, 2)
    house.run()
    assert house.ledger.outcomes[bad].reason == "poison"
    assert house.ledger.outcomes[good].kind == OutcomeKind.PREDICTION


def test_a_suspect_whose_turn_does_not_come_is_free_again_and_comes_later(house):
    event_id = lost(house, 2)
    worker = house.processor()
    worker._place.isolated.busy = True
    house.run(worker)
    row = house.ledger.rows[event_id]
    assert (row.open, row.attempts, row.losses, row.lease_owner) == (True, 2, 2, None)
    worker._place.isolated.busy = False
    house.clock.advance(1)
    house.reconciler.take_one()
    house.clock.advance(1)
    house.run(worker)
    assert house.ledger.outcomes[event_id].detail == "alone"


def test_a_suspect_that_cannot_be_tried_for_want_of_a_model_is_given_back(house):
    event_id = lost(house, 2)
    worker = house.processor()

    def away(_):
        raise ModelUnusable("its file is gone")

    worker._place.isolated.run = away
    with pytest.raises(ModelUnusable):
        house.run(worker)
    row = house.ledger.rows[event_id]
    assert (row.open, row.attempts, row.losses, row.lease_owner) == (True, 2, 2, None)


@pytest.mark.parametrize(("losses", "detail"), [(2, "alone"), (29, "alone"), (30, "30 holders vanished")])
def test_only_the_bound_ends_an_event_whose_holders_vanish_while_it_is_alone(house, losses, detail):
    event_id = lost(house, losses)
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


def test_a_picture_that_takes_all_the_time_to_decode_is_decided_all_the_same(house, monkeypatch):
    monkeypatch.setattr("worker.process._SOFT_DEADLINE_S", 0.05)
    event_id = house.throw()
    house.drain.take_one(0)
    processor = house.processor()
    classifier = processor._place.classifier
    monkeypatch.setattr(classifier, "_decode", lambda data: time.sleep(0.1) or data)
    processor.take([event_id])
    assert house.ledger.outcomes[event_id].kind == OutcomeKind.PREDICTION


def test_a_model_that_fails_gives_back_what_is_not_decided_and_records_what_is(house, monkeypatch):
    ids = [house.throw() for _ in range(6)]
    house.drain.take_one(0)
    real, calls = house.model.classify, []

    def fail_at_the_third(image):
        calls.append(image)
        if len(calls) == 3:
            raise ModelUnusable("out of memory")
        return real(image)

    monkeypatch.setattr(house.model, "classify", fail_at_the_third)
    with pytest.raises(ModelUnusable):
        house.processor().take(ids)
    assert len(house.ledger.outcomes) == 2
    left = [house.ledger.rows[event_id] for event_id in ids if house.ledger.rows[event_id].open]
    assert {(row.attempts, row.lease_owner) for row in left} == {(0, None)}
    assert len(left) == 4


@pytest.mark.parametrize("trouble", [{"keys_are_good": False}, {"is_away": True}])
def test_a_store_that_is_away_or_refuses_all_stops_the_worker_and_costs_no_event_anything(house, trouble):
    ids = [house.throw() for _ in range(20)]
    house.drain.take_one(0)
    vars(house.objects).update(trouble)
    needs = []
    processor = house.processor()
    processor._place.progress._on_need = lambda need, there: needs.append((need, there))
    thread = threading.Thread(target=processor.take, args=(ids,), daemon=True)
    thread.start()
    wait_for(lambda: ("object store", False) in needs, 5, "the worker to be unready")
    time.sleep(0.3)
    assert thread.is_alive()
    assert not house.ledger.outcomes
    house.objects.keys_are_good, house.objects.is_away = True, False
    thread.join(5)
    assert needs[-1] == ("object store", True)
    house.clock.advance(1)
    processor.take(ids)
    assert {outcome.attempts for outcome in house.ledger.outcomes.values()} == {1}
    assert set(house.ledger.outcomes) == set(ids)
    assert [fact.reason for fact in house.telemetry.of(DependencyLost)] == ["object_store_unavailable"]


def test_one_name_that_confuses_the_store_stops_nobody(house, monkeypatch):
    odd, good = house.throw(), [house.throw() for _ in range(5)]
    begin = house.objects.begin

    def refuse_one(url):
        house.objects.keys_are_good = str(odd) not in url
        try:
            return begin(url)
        finally:
            house.objects.keys_are_good = True

    monkeypatch.setattr(house.objects, "begin", refuse_one)
    house.run()
    assert set(house.ledger.outcomes) == set(good)
    assert [(fact.event_id, fact.reason) for fact in house.telemetry.of(ItemPostponed)] == [(odd, "store_keys_refused")]


def test_a_fleet_with_pictures_from_elsewhere_begins_without_its_store(house):
    house.objects.is_away = True
    house.processor().await_store()
