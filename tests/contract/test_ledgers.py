"""One behaviour of the ledger: the twin and Postgres, each as the program's own login."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from contracts.errors import EventInvalid
from contracts.names import OutcomeKind
from contracts.pictures import PictureFacts
from tests.makers import a_letter, accepted, an_event, an_outcome


def test_an_event_is_new_once_and_repeated_after(book):
    event = an_event()
    assert book.intake.accept([accepted(event)], []).new == [event.event_id]
    again = book.intake.accept([accepted(event)], [])
    assert (again.new, again.repeated, again.conflicting) == ([], [event.event_id], [])


def test_the_same_id_with_other_content_is_a_conflict_and_the_first_stays(book):
    event = an_event()
    other = event.model_copy(update={"image_url": "s3://waste-images/other.jpg"})
    book.intake.accept([accepted(event)], [])
    assert book.intake.accept([accepted(other)], []).conflicting == [event.event_id]
    owner = uuid4()
    book.beat(owner)
    (item,) = book.worker.claim([event.event_id], owner, 60)
    assert item.image_url == event.image_url


def test_a_conflict_inside_one_batch_is_seen(book):
    event = an_event()
    other = event.model_copy(update={"sequence": 9})
    fates = book.intake.accept([accepted(event), accepted(other), accepted(other), accepted(event)], [])
    assert (fates.new, fates.conflicting) == ([event.event_id], [event.event_id])


def test_a_claimed_event_is_not_claimed_again_while_its_holder_lives(book):
    (event,) = book.open()
    first, second = uuid4(), uuid4()
    book.beat(first)
    book.beat(second)
    (item,) = book.worker.claim([event.event_id], first, 60)
    assert (item.attempts, item.losses) == (1, 0)
    assert book.worker.claim([event.event_id], second, 60) == []
    assert book.worker.claim([event.event_id], first, 60) == []


def test_the_ledgers_clock_says_how_old_an_event_is(book):
    (event,) = book.open()
    owner = uuid4()
    book.beat(owner)
    (young,) = book.worker.claim([event.event_id], owner, 60)
    assert 0 <= young.age_s < 10
    book.worker.release([event.event_id], owner)
    book.age(40)
    book.beat(owner)
    (old,) = book.worker.claim([event.event_id], owner, 60)
    assert 40 <= old.age_s < 50


def test_an_unknown_event_is_not_claimed(book):
    owner = uuid4()
    book.beat(owner)
    assert book.worker.claim([uuid4()], owner, 60) == []


def test_the_lease_of_a_silent_holder_is_free_and_counted_as_a_loss(book):
    (event,) = book.open()
    first, second = uuid4(), uuid4()
    book.beat(first)
    book.worker.claim([event.event_id], first, 600)
    book.age(8)
    book.beat(second)
    (item,) = book.worker.claim([event.event_id], second, 60)
    assert (item.attempts, item.losses) == (2, 1)


def test_a_lease_ends_although_its_holder_beats(book):
    (event,) = book.open()
    first, second = uuid4(), uuid4()
    book.beat(first)
    book.worker.claim([event.event_id], first, 5)
    book.age(6)
    book.beat(first)
    book.beat(second)
    assert [item.losses for item in book.worker.claim([event.event_id], second, 60)] == [1]


def test_the_first_outcome_is_the_only_one(book):
    (event,) = book.open()
    owner = uuid4()
    assert book.worker.record([an_outcome(event)], owner) == [event.event_id]
    assert book.worker.record([an_outcome(event, OutcomeKind.REVIEW)], owner) == []
    book.beat(owner)
    assert book.worker.claim([event.event_id], owner, 60) == []


@pytest.mark.parametrize("kind", [OutcomeKind.PREDICTION, OutcomeKind.REVIEW])
def test_what_a_picture_is_like_is_kept_with_its_prediction(book, kind, request):
    (event, plain) = book.open(2)
    picture = PictureFacts(0.3, 0.2, 4.5, bytes(range(36)))
    book.worker.record([replace(an_outcome(event, kind), picture=picture), replace(an_outcome(plain), picture=None)], uuid4())
    if "memory" in request.node.callspec.id:
        assert book.worker.outcomes[event.event_id].picture == picture
        return
    query = "SELECT brightness, sharpness, entropy, brim FROM predictions WHERE event_id = %s"
    sql = request.getfixturevalue("sql")
    assert PictureFacts(*sql.execute(query, (event.event_id,)).fetchone()) == replace(
        picture, brightness=pytest.approx(0.3), sharpness=pytest.approx(0.2)
    )
    assert sql.execute(query, (plain.event_id,)).fetchone() == (None,) * 4


def test_what_a_model_sees_in_a_picture_is_kept_with_its_prediction(book, request):
    (event,) = book.open()
    outcome = an_outcome(event)
    book.worker.record([replace(outcome, prediction=replace(outcome.prediction, sketch=bytes(range(16))))], uuid4())
    if "memory" in request.node.callspec.id:
        assert book.worker.outcomes[event.event_id].prediction.sketch == bytes(range(16))
        return
    row = request.getfixturevalue("sql").execute("SELECT sketch FROM predictions WHERE event_id = %s", (event.event_id,)).fetchone()
    assert row == (bytes(range(16)),)


def test_a_postponed_event_is_claimed_when_it_is_due_and_not_before(book):
    (event,) = book.open()
    owner = uuid4()
    book.beat(owner)
    book.worker.claim([event.event_id], owner, 60)
    book.worker.postpone({event.event_id: 30.0}, owner, {event.event_id: "image_missing"})
    assert book.worker.claim([event.event_id], owner, 60) == []
    assert book.reconciliation.due(10) == []
    book.age(31)
    book.beat(owner)
    assert book.reconciliation.due(10) == [event.event_id]
    assert book.reconciliation.due(10) == []
    (item,) = book.worker.claim([event.event_id], owner, 60)
    assert (item.attempts, item.losses) == (2, 0)


def test_a_released_event_has_burned_no_attempt_and_is_woken_at_once(book):
    (event,) = book.open()
    owner = uuid4()
    book.beat(owner)
    book.worker.claim([event.event_id], owner, 60)
    book.worker.release([event.event_id], owner)
    book.age(1)
    assert book.reconciliation.due(10) == [event.event_id]
    (item,) = book.worker.claim([event.event_id], owner, 60)
    assert (item.attempts, item.losses) == (1, 0)


def test_another_workers_lease_can_neither_be_released_nor_postponed(book):
    (event,) = book.open()
    owner, stranger = uuid4(), uuid4()
    book.beat(owner)
    book.beat(stranger)
    book.worker.claim([event.event_id], owner, 60)
    book.worker.release([event.event_id], stranger)
    book.worker.postpone({event.event_id: 0.0}, stranger, {event.event_id: "x"})
    assert book.worker.claim([event.event_id], stranger, 60) == []


def test_a_dead_letter_is_filed_once_in_its_lane(book):
    event = an_event()
    letters = [a_letter(event), a_letter(an_event(), OutcomeKind.FAILURE, "image_missing")]
    assert book.desk.file(letters) == 2
    assert book.desk.file(letters) == 0


def test_batches_in_opposite_orders_do_not_block_each_other(book):
    events = book.open(50)
    ids = [event.event_id for event in events]
    owner = uuid4()
    book.beat(owner)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        claims = list(pool.map(lambda order: book.worker.claim(order, owner, 60), [ids, ids[::-1]]))
    assert sorted(item.event_id for claim in claims for item in claim) == sorted(ids)


def test_a_value_that_postgres_cannot_store_is_refused_in_our_words(request, book):
    if "memory" in request.node.name:
        pytest.skip("the twin stores everything")
    event = an_event(attributes={"note": "a\0b"})
    with pytest.raises(EventInvalid):
        book.intake.accept([accepted(event)], [])


def test_an_event_of_a_lying_clock_is_kept(request, book):
    past = datetime.now(UTC) - timedelta(days=4000)
    from contracts.ids import uuid7

    event = an_event(event_id=uuid7(past, b"0123456789"))
    assert book.intake.accept([accepted(event)], []).new == [event.event_id]


def test_live_workers_are_those_with_a_young_heartbeat(book):
    before = book.intake.live_workers()
    first, second = uuid4(), uuid4()
    book.beat(first)
    book.beat(second)
    assert book.intake.live_workers() == before + 2
    book.age(8)
    book.beat(second)
    assert book.intake.live_workers() == 1
