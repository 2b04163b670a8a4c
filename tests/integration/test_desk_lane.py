"""The review lane: who holds what, what labels amount to, and what reviewers must not notice."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from contracts.categories import Category
from contracts.errors import LabelRefused
from contracts.labels import Choice, Effect, NewLabel, Origin
from contracts.names import OutcomeKind
from contracts.review import Order, Wish
from tests.desk_house import scores_of
from tests.makers import an_event, an_outcome


def says(house, name, event_id, choice, **more):
    holder = house.holder(name)
    label = NewLabel(more.pop("label_id", uuid4()), event_id, holder.account_id, choice, Origin.DESK, **more)
    (effect,) = house.desk.labels.add([label])
    return effect, label.label_id


def test_who_takes_a_label_back_does_not_take_the_item_from_who_looks_at_it(house):
    (event_id,) = house.file()
    house.sql.execute("UPDATE review_items SET wanted = 2")
    _, label_id = says(house, "rolf", event_id, Choice.GLASS)
    rita = house.holder("rita")
    assert [item.event_id for item in house.desk.take(rita, Wish(), 1)] == [event_id]
    says(house, "rolf", event_id, None, replaces=label_id)
    assert house.desk.lane.retake(house.holder("rolf"), event_id) is None
    assert house.desk.lane.renew(rita, [event_id]) == [event_id]
    says(house, "rosa", event_id, Choice.GLASS)
    assert house.desk.take(house.holder("rolf"), Wish(), 1) == []


def test_a_slip_that_is_corrected_calls_no_third_person(house):
    (event_id,) = house.file()
    house.sql.execute("UPDATE review_items SET wanted = 2")
    says(house, "rita", event_id, Choice.PLASTIC)
    _, slip = says(house, "rolf", event_id, Choice.GLASS)
    assert house.state(event_id) == ("open", None)
    assert says(house, "rolf", event_id, Choice.PLASTIC, replaces=slip)[0] == Effect.CLOSED
    assert house.state(event_id) == ("labelled", "plastic")


def test_an_audited_item_that_was_labelled_before_is_closed_and_some_want_two_opinions(house):
    events = [house.event() for _ in range(200)]
    says(house, "rita", events[0].event_id, Choice.GLASS)
    house.worker.record([an_outcome(event) for event in events], uuid4())
    house.sql.execute("UPDATE audit_sampling SET seen_through = now() - interval '1 min'")
    quality = type(house.desk.quality)(house.pools["review"], second_opinion_share=0.5)
    assert quality.sample(1.0) == 200
    (row,) = house.sql.execute("SELECT count(*) FILTER (WHERE wanted = 2) FROM review_items")
    assert 57 < row[0] < 143  # 100 and six standard deviations
    (row,) = house.sql.execute("SELECT wanted, state FROM review_items WHERE event_id = %s", (events[0].event_id,))
    assert row[1] == ("labelled" if row[0] == 1 else "open")


def test_what_came_while_nothing_was_audited_is_not_sampled_later(house):
    house.worker.record([an_outcome(house.event())], uuid4())
    house.sql.execute("UPDATE audit_sampling SET seen_through = now() - interval '5 hours'")
    assert house.desk.quality.sample(0.0) == 0
    house.sql.execute("UPDATE predictions SET predicted_at = predicted_at - interval '2 hours'")
    assert house.desk.quality.sample(1.0) == 0


def test_one_person_holds_no_more_than_a_hundred_items(house):
    house.file(130)
    taken = [len(house.desk.take(house.holder("rita"), Wish(), 10)) for _ in range(13)]
    assert sum(taken) == 100
    assert len(house.desk.take(house.holder("rolf"), Wish(), 10)) == 10


def test_grids_and_filing_at_the_same_time_do_not_wait_for_each_other_in_a_ring(house):
    events = [house.event() for _ in range(60)]
    filed = house.file(60)
    for name in ("rita", "rolf", "rosa"):
        house.holder(name)

    def grid(name):
        account = house.desk.accounts.find(name)[0].account_id
        ids = [*filed[:30], *(event.event_id for event in events[:30])]
        ids = ids if name == "rita" else ids[::-1]
        house.desk.labels.add([NewLabel(uuid4(), one, account, Choice.GLASS, Origin.GRID) for one in ids])

    letters = [house.letter(event) for event in events]
    with ThreadPoolExecutor(6) as threads:
        jobs = [threads.submit(grid, name) for name in ("rita", "rolf", "rosa")]
        jobs += [threads.submit(house.desk.letters.file, order) for order in (letters, letters[::-1], letters)]
        for job in jobs:
            job.result()


def test_two_reviewers_never_hold_the_same_item(house):
    house.file(60)
    pages = [house.holder(name) for name in ("rita", "rolf", "rosa")] + [house.holder("rita")]
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda n: house.desk.take(pages[n % 4], Wish(), 5), range(16)))
    ids = [item.event_id for items in taken for item in items]
    assert len(ids) == 60
    assert max(Counter(ids).values()) == 1


def test_a_lease_ends_by_itself_is_renewed_and_given_back_by_a_page_that_closes(house):
    (event_id,) = house.file()
    first, second = house.holder("rita"), house.holder("rolf")
    assert [item.event_id for item in house.desk.take(first, Wish(), 10)] == [event_id]
    assert house.desk.take(second, Wish(), 10) == []
    house.lapse(80)
    assert house.desk.lane.renew(first, [event_id]) == [event_id]
    house.lapse(80)
    assert house.desk.take(second, Wish(), 10) == []
    house.lapse(20)
    assert [item.event_id for item in house.desk.take(second, Wish(), 10)] == [event_id]
    assert house.desk.lane.renew(first, [event_id]) == []
    assert house.desk.lane.give_back(first) == 0
    assert house.desk.lane.give_back(second) == 1
    assert [item.event_id for item in house.desk.take(first, Wish(), 10)] == [event_id]


def test_a_label_closes_its_item_and_sending_it_twice_changes_nothing(house):
    (event_id,) = house.file()
    effect, label_id = says(house, "rita", event_id, Choice.GLASS, took_ms=1200)
    assert effect == Effect.CLOSED
    assert house.state(event_id) == ("labelled", "glass")
    assert says(house, "rita", event_id, Choice.PAPER, label_id=label_id)[0] == Effect.REPEATED
    assert says(house, "rita", event_id, Choice.PAPER)[0] == Effect.REPEATED
    assert house.state(event_id) == ("labelled", "glass")
    (row,) = house.sql.execute("SELECT count(*), min(took_ms), min(model_version), min(shown_category) FROM labels")
    assert row == (1, 1200, "m1", "plastic")


def test_a_label_for_a_closed_item_is_kept_beside(house):
    (event_id,) = house.file()
    says(house, "rita", event_id, Choice.GLASS)
    assert says(house, "rolf", event_id, Choice.PAPER)[0] == Effect.KEPT
    assert house.state(event_id) == ("labelled", "glass")
    assert len(house.desk.quality.opinions(datetime(2000, 1, 1, tzinfo=UTC))) == 2


def test_who_disagree_are_joined_by_a_third_and_three_opinions_cannot_tell(house):
    agreed, open_question = house.file(2)
    house.sql.execute("UPDATE review_items SET wanted = 2")
    assert says(house, "rita", agreed, Choice.GLASS)[0] == Effect.COUNTED
    assert says(house, "rolf", agreed, Choice.PAPER)[0] == Effect.COUNTED
    assert house.state(agreed) == ("open", None)
    assert says(house, "rosa", agreed, Choice.GLASS)[0] == Effect.CLOSED
    assert house.state(agreed) == ("labelled", "glass")
    for name, choice in (("rita", Choice.GLASS), ("rolf", Choice.PAPER), ("rosa", Choice.METAL)):
        says(house, name, open_question, choice)
    assert house.state(open_question) == ("labelled", "cannot_tell")


def test_who_has_answered_does_not_get_the_item_for_the_second_opinion(house):
    (event_id,) = house.file()
    house.sql.execute("UPDATE review_items SET wanted = 2")
    says(house, "rita", event_id, Choice.GLASS)
    assert house.desk.take(house.holder("rita"), Wish(), 10) == []
    assert len(house.desk.take(house.holder("rolf"), Wish(), 10)) == 1


def test_a_share_of_the_items_wants_two_opinions_the_same_ones_each_time(house):
    letters = [house.letter() for _ in range(400)]
    desk = type(house.desk.letters)(house.pools["review"], second_opinion_share=0.3)
    assert desk.file(letters) == 400
    assert desk.file(letters) == 0
    (row,) = house.sql.execute("SELECT count(*) FILTER (WHERE wanted = 2) FROM review_items")
    assert 75 < row[0] < 165  # 120 and six standard deviations


def test_a_label_is_taken_back_and_corrected_and_all_of_it_stays_on_record(house):
    (event_id,) = house.file()
    _, first = says(house, "rita", event_id, Choice.GLASS)
    assert says(house, "rita", event_id, None, replaces=first)[0] == Effect.REOPENED
    assert house.state(event_id) == ("open", None)
    _, second = says(house, "rita", event_id, Choice.METAL)
    assert says(house, "rita", event_id, Choice.PAPER, replaces=second)[0] == Effect.CLOSED
    assert house.state(event_id) == ("labelled", "paper")
    assert [choice for (choice,) in house.sql.execute("SELECT choice FROM labels ORDER BY labelled_at")] == [
        "glass",
        None,
        "metal",
        "paper",
    ]
    with pytest.raises(LabelRefused, match="no standing label"):
        says(house, "rita", event_id, Choice.GLASS, replaces=first)
    with pytest.raises(LabelRefused, match="no standing label"):
        says(house, "rolf", event_id, None, replaces=second)


def test_two_who_answer_at_the_same_moment_close_it_once(house):
    ids = house.file(30)
    for name in ("rita", "rolf"):
        house.holder(name)
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda n: says(house, ("rita", "rolf")[n % 2], ids[n // 2], Choice.GLASS), range(60)))
    (row,) = house.sql.execute(
        "SELECT count(*) FILTER (WHERE purpose = 'review'), count(*) FILTER (WHERE purpose = 'late') FROM labels"
    )
    assert row == (30, 30)


def test_an_item_that_was_labelled_before_it_came_is_closed_at_once(house):
    event = house.event()
    assert says(house, "rita", event.event_id, Choice.ORGANIC)[0] == Effect.COUNTED
    house.desk.letters.file([house.letter(event)])
    assert house.state(event.event_id) == ("labelled", "organic")


def test_neither_an_early_label_nor_the_filing_misses_the_other(house):
    events = [house.event() for _ in range(40)]
    house.holder("rita")
    with ThreadPoolExecutor(8) as threads:
        jobs = [threads.submit(house.desk.letters.file, [house.letter(event)]) for event in events]
        jobs += [threads.submit(says, house, "rita", event.event_id, Choice.GLASS) for event in events]
        for job in jobs:
            job.result()
    assert {house.state(event.event_id) for event in events} == {("labelled", "glass")}


def test_an_event_that_nobody_knows_is_refused(house):
    with pytest.raises(LabelRefused, match="event_id"):
        says(house, "rita", uuid4(), Choice.GLASS)


def test_what_is_most_informative_comes_first_or_what_is_oldest_or_what_is_wished_for(house):
    sure = house.file(1, scores=scores_of("glass", 0.74))[0]
    torn = house.file(1, scores={"plastic": 0.48, "paper": 0.47, "glass": 0.05, "metal": 0.0, "organic": 0.0})[0]
    odd = house.file(1, scores=scores_of("metal", 0.99), reason="out_of_distribution", outlier_score=0.97)[0]
    other = house.file(1, event=an_event(sensor_id="bin-9"), scores=scores_of("organic", 0.6))[0]

    def taken(**wish):
        page = house.holder("rita")
        ids = [item.event_id for item in house.desk.take(page, Wish(**wish), 10)]
        house.desk.lane.give_back(page)
        return ids

    assert taken() == [torn, odd, other, sure]
    assert taken(order=Order.OLDEST) == [sure, torn, odd, other]
    assert taken(sensor_id="bin-9") == [other]
    assert taken(category=Category.METAL) == [odd]
    assert taken(reason="out_of_distribution") == [odd]
    assert taken(event_id=sure) == [sure]


def test_the_grid_holds_what_the_model_sees_most_like_the_first(house):
    near = house.file(3, scores={"plastic": 0.5, "paper": 0.4, "glass": 0.1, "metal": 0.0, "organic": 0.0})
    far = house.file(2, scores={"plastic": 0.74, "paper": 0.0, "glass": 0.0, "metal": 0.26, "organic": 0.0})
    house.file(4, scores=scores_of("glass", 0.7))
    items = house.desk.lane.take(house.holder("rita"), Wish(alike=True), 5)
    assert {item.event_id for item in items[:3]} == set(near)
    assert {item.event_id for item in items[3:]} == set(far)


def test_a_skipped_item_goes_to_others_and_comes_back_when_that_is_undone(house):
    (event_id,) = house.file()
    page = house.holder("rita")
    house.desk.take(page, Wish(), 1)
    house.desk.lane.skip(page, event_id)
    assert house.desk.take(page, Wish(), 1) == []
    other = house.holder("rolf")
    assert len(house.desk.take(other, Wish(), 1)) == 1
    assert house.desk.lane.retake(page, event_id) is None
    house.desk.lane.give_back(other)
    assert house.desk.lane.retake(page, event_id).event_id == event_id


def test_gold_comes_unmarked_judges_the_reviewer_and_changes_no_answer(house):
    gold, *_ = house.file(3)
    says(house, "adam", gold, Choice.METAL)
    adam = house.holder("adam").account_id
    assert house.desk.quality.set_gold(gold, Choice.METAL, adam)
    desk = replace(house.desk, gold_share=1.0)
    page = house.holder("rita")
    items = desk.take(page, Wish(), 3)
    assert gold in [item.event_id for item in items]
    assert {item.reason for item in items} == {"low_confidence"}
    assert says(house, "rita", gold, Choice.GLASS)[0] == Effect.COUNTED
    assert house.state(gold) == ("labelled", "metal")
    (row,) = [row for row in desk.quality.reviewers(datetime(2000, 1, 1, tzinfo=UTC)) if row["reviewer"] == "rita"]
    assert (row["gold"], row["gold_right"]) == (1, 0)
    assert gold not in [item.event_id for item in desk.take(house.holder("rita"), Wish(), 3)]
    house.desk.quality.retire_gold(gold)
    (row,) = [row for row in desk.quality.reviewers(datetime(2000, 1, 1, tzinfo=UTC)) if row["reviewer"] == "rita"]
    assert (row["gold"], row["gold_right"]) == (1, 0)


def test_an_empty_backlog_looks_empty_even_where_gold_is(house):
    (gold,) = house.file()
    says(house, "adam", gold, Choice.METAL)
    house.desk.quality.set_gold(gold, Choice.METAL, house.holder("adam").account_id)
    assert replace(house.desk, gold_share=1.0).take(house.holder("rita"), Wish(), 3) == []


def test_the_audit_sample_is_a_random_share_with_its_probability_and_repeats_nothing(house):
    events = [house.event() for _ in range(300)]
    outcomes = [an_outcome(event) for event in events]
    house.worker.record(outcomes, uuid4())
    share = 0.3
    house.sql.execute("UPDATE audit_sampling SET salt = 42, seen_through = now() - interval '1 min'")
    chosen = house.desk.quality.sample(share)
    assert 45 < chosen < 140  # 90 and six standard deviations
    assert house.desk.quality.sample(share) == 0
    (row,) = house.sql.execute(
        "SELECT count(*), min(sampling_probability), max(sampling_probability), min(reason) FROM review_items"
    )
    assert row == (chosen, pytest.approx(share), pytest.approx(share), "audit_sample")
    (kinds,) = house.sql.execute("SELECT count(*) FROM outcomes WHERE kind = 'prediction'")
    assert kinds == (300,)
    ids = [event_id for (event_id,) in house.sql.execute("SELECT event_id FROM review_items ORDER BY event_id LIMIT 10")]
    for event_id in ids:
        says(house, "rita", event_id, Choice.PLASTIC)
    (audit,) = house.desk.quality.audit(datetime(2000, 1, 1, tzinfo=UTC))
    assert (audit["labels"], audit["right_ones"], audit["stands_for"]) == (10, 10, pytest.approx(10 / share))


def test_what_the_queue_lost_comes_back(house):
    review, failure, filed = (house.event() for _ in range(3))
    outcomes = [
        an_outcome(review, OutcomeKind.REVIEW),
        an_outcome(failure, OutcomeKind.FAILURE),
        an_outcome(filed, OutcomeKind.REVIEW),
    ]
    house.worker.record(outcomes, uuid4())
    house.desk.letters.file([outcomes[2].dead_letter])
    from dlq_review.reconcile import reconcile

    assert reconcile(house.desk.letters, house.telemetry) == 0
    assert reconcile(house.desk.letters, house.telemetry, 0.0) == 2
    assert reconcile(house.desk.letters, house.telemetry, 0.0) == 0
    assert house.desk.browser.counts() == {"review": {"low_confidence": 2}, "failures": {"image_missing": 1}}
