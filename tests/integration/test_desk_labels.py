"""What is said of an item: it closes once, is corrected, taken back, and all of it stays on record."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from contracts.accounts import Actor
from contracts.errors import LabelRefused
from contracts.labels import Choice, Effect
from contracts.review import Wish
from dlq_review.importing import import_labels
from dlq_review.label_studio import read_tasks, to_task


def test_who_takes_a_label_back_does_not_take_the_item_from_who_looks_at_it(house):
    (event_id,) = house.file()
    house.sql.execute("UPDATE review_items SET wanted = 2")
    _, label_id = house.says("rolf", event_id, Choice.GLASS)
    rita = house.holder("rita")
    assert [item.event_id for item in house.desk.take(rita, Wish(), 1)] == [event_id]
    house.says("rolf", event_id, None, replaces=label_id)
    assert house.desk.lane.retake(house.holder("rolf"), event_id) is None
    assert house.desk.lane.renew(rita, [event_id]) == [event_id]
    house.says("rosa", event_id, Choice.GLASS)
    assert house.desk.take(house.holder("rolf"), Wish(), 1) == []


def test_a_slip_that_is_corrected_calls_no_third_person(house):
    (event_id,) = house.file()
    house.sql.execute("UPDATE review_items SET wanted = 2")
    house.says("rita", event_id, Choice.PLASTIC)
    _, slip = house.says("rolf", event_id, Choice.GLASS)
    assert house.state(event_id) == ("open", None)
    assert house.says("rolf", event_id, Choice.PLASTIC, replaces=slip)[0] == Effect.CLOSED
    assert house.state(event_id) == ("labelled", "plastic")


def test_a_label_closes_its_item_and_sending_it_twice_changes_nothing(house):
    (event_id,) = house.file()
    effect, label_id = house.says("rita", event_id, Choice.GLASS, took_ms=1200)
    assert effect == Effect.CLOSED
    assert house.state(event_id) == ("labelled", "glass")
    assert house.says("rita", event_id, Choice.GLASS, label_id=label_id)[0] == Effect.REPEATED
    assert house.says("rita", event_id, Choice.PAPER, label_id=label_id)[0] == Effect.DIFFERS
    assert house.says("rita", event_id, Choice.PAPER)[0] == Effect.DIFFERS
    assert house.state(event_id) == ("labelled", "glass")
    (row,) = house.sql.execute("SELECT count(*), min(took_ms), min(model_version), min(shown_category) FROM labels")
    assert row == (1, 1200, "m1", "plastic")


def test_a_label_for_a_closed_item_is_kept_beside(house):
    (event_id,) = house.file()
    house.says("rita", event_id, Choice.GLASS)
    assert house.says("rolf", event_id, Choice.PAPER)[0] == Effect.KEPT
    assert house.state(event_id) == ("labelled", "glass")
    assert len(house.desk.quality.opinions(datetime(2000, 1, 1, tzinfo=UTC))) == 2


def test_a_label_is_taken_back_and_corrected_and_all_of_it_stays_on_record(house):
    (event_id,) = house.file()
    _, first = house.says("rita", event_id, Choice.GLASS)
    assert house.says("rita", event_id, None, replaces=first)[0] == Effect.REOPENED
    assert house.state(event_id) == ("open", None)
    _, second = house.says("rita", event_id, Choice.METAL)
    assert house.says("rita", event_id, Choice.PAPER, replaces=second)[0] == Effect.CLOSED
    assert house.state(event_id) == ("labelled", "paper")
    assert [choice for (choice,) in house.sql.execute("SELECT choice FROM labels ORDER BY labelled_at")] == [
        "glass",
        None,
        "metal",
        "paper",
    ]
    with pytest.raises(LabelRefused, match="no standing label"):
        house.says("rita", event_id, Choice.GLASS, replaces=first)
    with pytest.raises(LabelRefused, match="no standing label"):
        house.says("rolf", event_id, None, replaces=second)


def test_two_who_answer_at_the_same_moment_close_it_once(house):
    ids = house.file(30)
    for name in ("rita", "rolf"):
        house.holder(name)
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda n: house.says(("rita", "rolf")[n % 2], ids[n // 2], Choice.GLASS), range(60)))
    (row,) = house.sql.execute(
        "SELECT count(*) FILTER (WHERE purpose = 'review'), count(*) FILTER (WHERE purpose = 'late') FROM labels"
    )
    assert row == (30, 30)


def test_an_item_that_was_labelled_before_it_came_is_closed_at_once(house):
    event = house.event()
    assert house.says("rita", event.event_id, Choice.ORGANIC)[0] == Effect.COUNTED
    house.desk.letters.file([house.letter(event)])
    assert house.state(event.event_id) == ("labelled", "organic")


def test_neither_an_early_label_nor_the_filing_misses_the_other(house):
    events = [house.event() for _ in range(40)]
    house.holder("rita")
    with ThreadPoolExecutor(8) as threads:
        jobs = [threads.submit(house.desk.letters.file, [house.letter(event)]) for event in events]
        jobs += [threads.submit(house.says, "rita", event.event_id, Choice.GLASS) for event in events]
        for job in jobs:
            job.result()
    assert {house.state(event.event_id) for event in events} == {("labelled", "glass")}


def test_an_event_that_nobody_knows_is_refused(house):
    with pytest.raises(LabelRefused, match="event_id"):
        house.says("rita", uuid4(), Choice.GLASS)


def test_who_answered_late_is_heard_when_a_third_opinion_is_wanted(house):
    (event_id,) = house.file()
    house.sql.execute("UPDATE review_items SET wanted = 2")
    house.says("ann", event_id, Choice.PLASTIC)
    house.says("bob", event_id, Choice.PAPER)
    _, taken_back = house.says("cid", event_id, Choice.PLASTIC)
    assert house.state(event_id) == ("labelled", "plastic")
    house.says("dan", event_id, Choice.PAPER)
    house.says("cid", event_id, None, replaces=taken_back)
    assert house.state(event_id) == ("labelled", "paper")


def test_a_letter_that_comes_again_overrules_nothing(house):
    gold, twice = house.event(), house.event()
    letters = [house.letter(gold), house.letter(twice)]
    house.desk.letters.file(letters)
    house.sql.execute("UPDATE review_items SET wanted = 2 WHERE event_id = %s", (twice.event_id,))
    house.says("ann", twice.event_id, Choice.GLASS)
    house.says("ann", gold.event_id, Choice.GLASS)
    house.sql.execute("UPDATE review_items SET state = 'open', resolved = NULL WHERE event_id = %s", (gold.event_id,))
    house.desk.letters.file(letters)
    assert house.state(twice.event_id) == ("open", None)
    assert house.state(gold.event_id) == ("open", None)


def test_an_answer_that_went_out_and_comes_back_in_another_file_counts_once(house):
    (event_id,) = house.file()
    house.sql.execute("UPDATE review_items SET wanted = 2")
    house.says("ann", event_id, Choice.GLASS)
    task = to_task(house.desk.browser.show(event_id), "http://desk")
    assert "completed_by" not in task["annotations"][0]
    for forgotten in ("", "label_id"):  # another tool keeps what it knows of
        task["annotations"][0].pop(forgotten, None)
        brought = read_tasks([task])
        assert import_labels(house.desk.labels, brought, house.account(f"tool{forgotten}").account_id).effects == {"repeated": 1}
    assert house.state(event_id) == ("open", None)


def test_another_answer_without_the_label_that_it_replaces_changes_nothing(house):
    (event_id,) = house.file()
    house.says("rita", event_id, Choice.GLASS)
    assert house.says("rita", event_id, Choice.GLASS)[0] == Effect.REPEATED
    assert house.says("rita", event_id, Choice.METAL)[0] == Effect.DIFFERS
    assert house.state(event_id) == ("labelled", "glass")


def test_a_failure_is_not_labelled_until_it_is_redriven(house):
    failed = house.fail().event_id
    with pytest.raises(LabelRefused, match="or a failure"):
        house.says("rita", failed, Choice.GLASS)
    house.desk.redrive([failed], Actor("olga", ""))
    assert house.says("rita", failed, Choice.GLASS)[0] == Effect.COUNTED


def test_a_known_label_says_what_it_said_or_is_refused(house):
    first, second = house.file(2)
    _, label_id = house.says("rita", first, Choice.GLASS)
    with pytest.raises(LabelRefused, match="is another label's"):
        house.says("rita", second, Choice.GLASS, label_id=label_id)
    with pytest.raises(LabelRefused, match="is another label's"):
        house.says("rolf", first, Choice.GLASS, label_id=label_id)
    assert house.state(second) == ("open", None)


def test_a_correction_to_the_same_answer_adds_nothing(house):
    (event_id,) = house.file()
    _, label_id = house.says("rita", event_id, Choice.GLASS)
    assert house.says("rita", event_id, Choice.GLASS, replaces=label_id)[0] == Effect.REPEATED
    assert house.sql.execute("SELECT count(*) FROM labels").fetchone() == (1,)


def test_an_answer_that_was_changed_outside_is_named_whoever_brings_it(house):
    (event_id,) = house.file()
    house.says("rita", event_id, Choice.GLASS)
    task = to_task(house.desk.browser.show(event_id), "http://desk")
    task["annotations"][0]["result"][0]["value"]["choices"] = ["several"]
    for name in ("rita", "tool"):
        found = import_labels(house.desk.labels, read_tasks([task]), house.holder(name).account_id)
        assert (dict(found.effects), found.differing) == ({"differs": 1}, [event_id])
    assert house.state(event_id) == ("labelled", "glass")
