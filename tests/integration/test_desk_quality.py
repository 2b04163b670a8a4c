"""Second opinions, blind gold and the audit sample."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from contracts.labels import Choice, Effect
from contracts.review import Wish
from tests.makers import an_outcome


def test_an_audited_item_that_was_labelled_before_is_closed_and_some_want_two_opinions(house):
    events = [house.event() for _ in range(200)]
    house.says("rita", events[0].event_id, Choice.GLASS)
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


def test_who_disagree_are_joined_by_a_third_and_three_opinions_cannot_tell(house):
    agreed, open_question = house.file(2)
    house.sql.execute("UPDATE review_items SET wanted = 2")
    assert house.says("rita", agreed, Choice.GLASS)[0] == Effect.COUNTED
    assert house.says("rolf", agreed, Choice.PAPER)[0] == Effect.COUNTED
    assert house.state(agreed) == ("open", None)
    assert house.says("rosa", agreed, Choice.GLASS)[0] == Effect.CLOSED
    assert house.state(agreed) == ("labelled", "glass")
    for name, choice in (("rita", Choice.GLASS), ("rolf", Choice.PAPER), ("rosa", Choice.METAL)):
        house.says(name, open_question, choice)
    assert house.state(open_question) == ("labelled", "cannot_tell")


def test_who_has_answered_does_not_get_the_item_for_the_second_opinion(house):
    (event_id,) = house.file()
    house.sql.execute("UPDATE review_items SET wanted = 2")
    house.says("rita", event_id, Choice.GLASS)
    assert house.desk.take(house.holder("rita"), Wish(), 10) == []
    assert len(house.desk.take(house.holder("rolf"), Wish(), 10)) == 1


def test_a_share_of_the_items_wants_two_opinions_the_same_ones_each_time(house):
    letters = [house.letter() for _ in range(400)]
    desk = type(house.desk.letters)(house.pools["review"], second_opinion_share=0.3)
    assert desk.file(letters) == 400
    assert desk.file(letters) == 0
    (row,) = house.sql.execute("SELECT count(*) FILTER (WHERE wanted = 2) FROM review_items")
    assert 75 < row[0] < 165  # 120 and six standard deviations


def test_gold_comes_unmarked_judges_the_reviewer_and_changes_no_answer(house):
    gold, *_ = house.file(3)
    house.says("adam", gold, Choice.METAL)
    adam = house.holder("adam").account_id
    assert house.desk.quality.set_gold(gold, Choice.METAL, adam)
    desk = replace(house.desk, gold_share=1.0)
    page = house.holder("rita")
    items = desk.take(page, Wish(), 3)
    assert gold in [item.event_id for item in items]
    assert {item.reason for item in items} == {"low_confidence"}
    assert house.says("rita", gold, Choice.GLASS)[0] == Effect.COUNTED
    assert house.state(gold) == ("labelled", "metal")
    (row,) = [row for row in desk.quality.reviewers(datetime(2000, 1, 1, tzinfo=UTC)) if row["reviewer"] == "rita"]
    assert (row["gold"], row["gold_right"]) == (1, 0)
    assert gold not in [item.event_id for item in desk.take(house.holder("rita"), Wish(), 3)]
    house.desk.quality.retire_gold(gold)
    (row,) = [row for row in desk.quality.reviewers(datetime(2000, 1, 1, tzinfo=UTC)) if row["reviewer"] == "rita"]
    assert (row["gold"], row["gold_right"]) == (1, 0)


def test_an_empty_backlog_looks_empty_even_where_gold_is(house):
    (gold,) = house.file()
    house.says("adam", gold, Choice.METAL)
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
        house.says("rita", event_id, Choice.PLASTIC)
    (audit,) = house.desk.quality.audit(datetime(2000, 1, 1, tzinfo=UTC))
    assert (audit["labels"], audit["right_ones"], audit["stands_for"]) == (10, 10, pytest.approx(10 / share))


def test_a_share_that_rises_gives_nobody_a_second_chance(house):
    events = [house.event() for _ in range(400)]
    house.worker.record([an_outcome(event) for event in events], uuid4())
    house.sql.execute("UPDATE audit_sampling SET seen_through = now() - interval '1 min'")
    few = house.desk.quality.sample(0.1)
    assert 15 < few < 80
    assert house.desk.quality.sample(0.1) == 0
    assert house.desk.quality.sample(0.9) == 0
