"""The failures lane: opened again once, put away with a reason, and never more than one outcome for an event."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from adapters.memory.queue import MemoryMessageQueue
from contracts.accounts import Actor, Role
from contracts.errors import QueueFull, RequestRefused
from contracts.messages import Message
from contracts.names import OutcomeKind
from contracts.review import Filter, Lane
from dlq_review.drain import DeadLetterDrain
from dlq_review.reconcile import reconcile
from tests.desk_house import ago
from tests.makers import an_outcome

OPS = Actor("olga", "127.0.0.1")


def outcomes(house, event_id):
    return [kind for (kind,) in house.sql.execute("SELECT kind FROM outcomes WHERE event_id = %s", (event_id,))]


def decide_again(house, event, kind):
    """Do what a worker does once the reconciler has woken an event."""
    owner = uuid4()
    house.sql.execute("UPDATE events SET available_at = now() - interval '1 s'")
    claimed = house.worker.claim([event.event_id], owner, 60)
    assert [(item.event_id, item.attempts, item.losses) for item in claimed] == [(event.event_id, 1, 0)]
    outcome = an_outcome(event, kind)
    assert house.worker.record([outcome], owner) == [event.event_id]
    return outcome


def test_a_redrive_opens_the_event_once_and_its_new_outcome_is_its_only_one(house):
    event = house.fail()
    done = house.desk.redrive([event.event_id], OPS)
    assert done.reopened == [event.event_id]
    again = house.desk.redrive([event.event_id], OPS)
    assert (again.reopened, again.left) == ([], [event.event_id])
    assert outcomes(house, event.event_id) == []
    decide_again(house, event, OutcomeKind.PREDICTION)
    assert outcomes(house, event.event_id) == ["prediction"]
    shown = house.desk.browser.show(event.event_id)
    assert (shown["state"], shown["closed_by"]) == ("redriven", "olga")
    assert [row["what"] for row in shown["timeline"] if row["what"] in {"failed", "redriven", "redrive", "prediction"}] == [
        "failed", "redriven", "redrive", "prediction",
    ]  # fmt: skip


def test_what_fails_again_lies_open_again_and_an_old_letter_that_comes_late_does_not(house):
    event = house.fail()
    (old,) = [letter for (letter,) in house.sql.execute("SELECT dead_letter FROM outcomes")]
    house.desk.redrive([event.event_id], OPS)
    from contracts.outcomes import DeadLetter

    assert house.desk.letters.file([DeadLetter.model_validate(old)]) == 0
    assert house.desk.browser.counts()["failures"] == {}
    outcome = decide_again(house, event, OutcomeKind.FAILURE)
    assert house.desk.letters.file([outcome.dead_letter]) == 1
    assert house.desk.letters.file([outcome.dead_letter]) == 0
    assert house.desk.browser.show(event.event_id)["rounds"] == 2
    assert house.desk.redrive([event.event_id], OPS).reopened == [event.event_id]


def test_two_who_redrive_the_same_thing_do_it_once(house):
    ids = [house.fail().event_id for _ in range(30)]
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: house.desk.redrive(ids, OPS).reopened, range(4)))
    assert Counter(event_id for ids_ in done for event_id in ids_) == Counter(ids)
    (row,) = house.sql.execute("SELECT count(*) FROM actions WHERE action = 'redrive'")
    assert row == (30,)


def test_a_redrive_is_spread_over_time(house):
    ids = [house.fail().event_id for _ in range(11)]
    house.desk.failures.redrive(ids, OPS, 10.0)
    (row,) = house.sql.execute(
        "SELECT max(available_at) - min(available_at), count(*) FILTER (WHERE woken_at < available_at) FROM events WHERE open"
    )
    assert row == (timedelta(seconds=1), 11)


def test_ten_thousand_are_redriven_at_once_and_more_are_refused_with_what_to_do(house):
    house.sql.execute("""
        WITH made AS (SELECT first_event_id(now()) AS base, n FROM generate_series(1, 10001) n), ids AS (
            SELECT overlay(base::text placing lpad(to_hex(n), 12, '0') from 25)::uuid AS id FROM made
        ), e AS (INSERT INTO events (event_id, sensor_id, image_url, captured_at, sequence, schema_version, attributes, body_sha256, open)
            SELECT id, 'bin-1', 's3://x/y', now(), 0, 1, '{}', '', false FROM ids
        ), o AS (INSERT INTO outcomes (event_id, kind, reason, dead_letter) SELECT id, 'failure', 'image_missing', '{}' FROM ids)
        INSERT INTO failures (event_id, reason, detail, attempts, sensor_id, decided_at) SELECT id, 'image_missing', '', 1, 'bin-1', now() FROM ids
    """)
    wanted = Filter(Lane.FAILURES)
    with pytest.raises(RequestRefused, match="more than 10,000"):
        house.desk.chosen(wanted)
    house.sql.execute("DELETE FROM failures WHERE event_id = (SELECT max(event_id::text)::uuid FROM failures)")
    assert len(house.desk.redrive(house.desk.chosen(wanted), OPS).reopened) == 10_000
    (row,) = house.sql.execute("SELECT count(*) FROM outcomes")
    assert row == (1,)


def test_the_desk_can_reopen_nothing_but_failures(house):
    decided, unsure = house.event(), house.event()
    house.worker.record([an_outcome(decided), an_outcome(unsure, OutcomeKind.REVIEW)], uuid4())
    assert house.desk.redrive([decided.event_id, unsure.event_id], OPS).reopened == []
    # Not even with a failure row that somebody made up for it.
    house.sql.execute(
        "INSERT INTO failures (event_id, reason, detail, attempts, decided_at) VALUES (%s, 'x', '', 1, now())", (decided.event_id,)
    )
    assert house.desk.redrive([decided.event_id], OPS).reopened == []
    assert outcomes(house, decided.event_id) == ["prediction"]


def test_a_refused_message_goes_to_the_door_again_with_its_signature(house):
    event_id = house.refused(b'{"event_id": "x"}')
    done = house.desk.redrive([event_id], OPS)
    assert done.sent_again == [event_id]
    (received,) = house.edge_queue.receive(10, 0)
    assert (received.message.body, dict(received.message.headers)) == (b'{"event_id": "x"}', {"signature": "s1"})
    assert house.desk.redrive([event_id], OPS).left == [event_id]
    assert house.edge_queue.receive(10, 0) == []


def test_what_is_put_away_has_its_reason_and_is_on_record(house):
    event = house.fail()
    assert house.desk.failures.discard([event.event_id], OPS, "a test bin") == [event.event_id]
    assert house.desk.failures.discard([event.event_id], OPS, "again") == []
    assert house.desk.redrive([event.event_id], OPS).reopened == []
    assert outcomes(house, event.event_id) == ["failure"]
    rows = house.sql.execute("SELECT actor, action, target, detail, address FROM actions").fetchall()
    assert rows == [("olga", "discard", str(event.event_id), {"reason": "a test bin"}, "127.0.0.1")]


def test_failures_are_grouped_and_found_by_all_that_a_filter_can_say(house):
    first = house.fail("image_missing", sensor_id="bin-1")
    house.fail("image_missing", sensor_id="bin-2")
    house.fail("poison", sensor_id="bin_2")
    house.refused(reason="signature_invalid")
    groups = house.desk.browser.failure_groups(Filter(Lane.FAILURES), 20)
    assert {(row["reason"], row["items"]) for row in groups if row["whole"]} >= {("image_missing", 2), ("poison", 1)}

    def found(**wanted):
        return house.desk.browser.count(Filter(Lane.FAILURES, **wanted))

    assert found() == 4
    assert found(reason="image_missing") == 2
    assert found(sensor_id="bin-2") == 1
    assert found(text="bin_2") == 1  # _ is a letter here
    assert found(text="%") == 0
    assert found(text=str(first.event_id)) == 1
    assert found(since=ago(minutes=5)) == 4
    assert found(until=ago(minutes=5)) == 0
    assert sum(row["items"] for row in house.desk.browser.failures_in_time(Filter(Lane.FAILURES), timedelta(hours=1))) == 4


def test_a_letter_that_cannot_be_read_and_comes_again_stays_put_away(house):
    class Unacked(MemoryMessageQueue):
        def ack(self, receipts):
            self.release(receipts)

    queue = Unacked()
    queue.publish([Message(b"rubbish")])
    drain = DeadLetterDrain(queue, house.desk.letters, house.desk.clock, house.telemetry)
    assert drain.take_one(0)
    (event_id,) = house.sql.execute("SELECT event_id FROM failures").fetchone()
    house.desk.failures.discard([event_id], OPS, "rubbish")
    assert drain.take_one(0)
    assert house.sql.execute("SELECT state, rounds FROM failures").fetchall() == [("discarded", 1)]


def test_a_failure_that_ends_a_redriven_event_once_more_is_before_people_again(house):
    event = house.event()
    late = an_outcome(event, OutcomeKind.FAILURE)
    house.worker.record([late], uuid4())
    house.desk.letters.file([late.dead_letter])
    house.desk.redrive([event.event_id], OPS)
    assert house.desk.letters.file([late.dead_letter]) == 0
    house.worker.record([late], uuid4())  # by a worker that was cut off, and never heard that it was recorded
    house.sql.execute("UPDATE outcomes SET decided_at = now() - interval '1 h'")
    assert reconcile(house.desk.letters, house.telemetry) == 1
    row = house.sql.execute("SELECT state, rounds FROM failures WHERE event_id = %s", (event.event_id,)).fetchone()
    assert row == ("open", 2)
    assert reconcile(house.desk.letters, house.telemetry) == 0
    assert house.desk.redrive([event.event_id], OPS).reopened == [event.event_id]


def test_putting_away_and_opening_again_at_the_same_time_do_not_wait_for_each_other_in_a_ring(house):
    for _ in range(3):
        ids = [house.fail().event_id for _ in range(150)]
        house.sql.execute("UPDATE failures SET detail = 'moved' WHERE event_id = ANY(%s)", (sorted(ids, reverse=True),))
        with ThreadPoolExecutor(3) as threads:
            jobs = [
                threads.submit(house.desk.failures.discard, list(reversed(ids)), OPS, "why"),
                threads.submit(house.desk.failures.sent_again, ids[::2] + ids[1::2], OPS),
                threads.submit(house.desk.redrive, ids, OPS),
            ]
            for job in jobs:
                job.result()


def test_a_queue_that_is_full_changes_nothing_in_a_mixed_redrive(house):
    failed, refused = house.fail(), house.refused(signature="v1:1:00")

    class Full(MemoryMessageQueue):
        def publish(self, messages):
            raise QueueFull

    with pytest.raises(QueueFull):
        replace(house.desk, edge_queue=Full()).redrive([failed.event_id, refused], OPS)
    assert house.sql.execute("SELECT DISTINCT state FROM failures").fetchall() == [("open",)]


def test_the_page_says_what_is_tried_again_and_not_there_yet(house):
    house.event()
    house.sql.execute("UPDATE events SET available_at = now() + interval '5 min', last_reason = 'image_missing', attempts = 3")
    page = house.client("olga", Role.OPS).get("/failures").text
    assert "Not here yet, since they are tried again: 1 image_missing." in page
