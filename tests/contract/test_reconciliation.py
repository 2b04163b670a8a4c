"""One behaviour of what wakes events again: the twin and Postgres."""

from uuid import uuid4

import pytest

from contracts.names import OutcomeKind
from tests.makers import an_outcome


def test_an_event_that_waits_its_turn_is_not_woken_again(book):
    (event,) = book.open()
    assert book.reconciliation.passed_over(10, 5.0, queue_empty=True) == []
    book.age(60)
    assert book.reconciliation.passed_over(10, 5.0, queue_empty=False) == []
    assert book.reconciliation.passed_over(10, 5.0, queue_empty=True) == [event.event_id]
    assert book.reconciliation.passed_over(10, 5.0, queue_empty=True) == []


def test_an_event_is_woken_again_when_later_ones_were_claimed(book):
    (early,) = book.open()
    book.age(20)
    (late,) = book.open()
    owner = uuid4()
    book.beat(owner)
    (item,) = book.worker.claim([late.event_id], owner, 60)
    book.beat(owner, item.woken_at)
    assert book.reconciliation.passed_over(10, 5.0, queue_empty=False) == [early.event_id]


def test_events_of_a_vanished_worker_are_woken(book):
    (event,) = book.open()
    owner = uuid4()
    book.beat(owner)
    book.worker.claim([event.event_id], owner, 600)
    assert book.reconciliation.abandoned(10) == []
    book.age(9)
    assert book.reconciliation.abandoned(10) == [event.event_id]


def test_a_worker_that_left_keeps_no_lease(book):
    (event,) = book.open()
    first, second = uuid4(), uuid4()
    book.beat(first)
    book.worker.claim([event.event_id], first, 600)
    book.worker.leave(first)
    book.beat(second)
    assert len(book.worker.claim([event.event_id], second, 60)) == 1


def test_dead_letters_that_were_not_published_come_back_until_they_are(book):
    (event,) = book.open()
    book.worker.record([an_outcome(event, OutcomeKind.REVIEW)], uuid4())
    assert book.reconciliation.unpublished(10, grace_s=5) == []
    book.age(6)
    (letter,) = book.reconciliation.unpublished(10, grace_s=5)
    assert (letter.event_id, letter.kind, letter.reason) == (event.event_id, OutcomeKind.REVIEW, "low_confidence")
    book.worker.mark_published([event.event_id])
    assert book.reconciliation.unpublished(10, grace_s=5) == []


def test_only_one_leads(request, book):
    if "memory" in request.node.name:
        pytest.skip("the twin has nobody to lead")
    with book.reconciliation.lead() as first, book.reconciliation.lead() as second:
        assert (first, second) == (True, False)
    with book.reconciliation.lead() as again:
        assert again
