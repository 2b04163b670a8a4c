"""The drain: whatever strangers put onto the dead-letter queue, what is good behind it is filed, and all of it ends up with people."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from adapters.memory.queue import MemoryMessageQueue
from contracts.messages import Message
from contracts.names import OutcomeKind
from dlq_review.chores import WithChores
from dlq_review.drain import UNDECODABLE, DeadLetterDrain
from tests.makers import a_letter


def a_body(event, **changes):
    return json.dumps(json.loads(a_letter(event).encode()) | changes).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"sensor_id": "".join(chr(0x4E00 + number * 7 % 20_000) for number in range(12_000))},
        {"reason": "".join(chr(0x4E00 + number * 7 % 20_000) for number in range(12_000))},
        {"scores": {"paper": 1.0}},
        {"scores": {}},
        {"confidence": 1e300},
        {"outlier_score": -1},
        {"decided_at": "9999-01-01T00:00:00Z"},
    ],
)
def test_a_strange_letter_holds_up_no_good_one(house, changes):
    queue = MemoryMessageQueue()
    strange, good = house.event(), [house.event() for _ in range(3)]
    queue.publish([Message(a_body(strange, **changes)), *(Message(a_letter(event).encode()) for event in good)])
    assert DeadLetterDrain(queue, house.desk.letters, house.desk.clock, house.telemetry).take_one()
    assert queue.depth().total == 0
    filed = {event_id for (event_id,) in house.sql.execute("SELECT event_id FROM review_items")}
    failed = house.sql.execute("SELECT reason FROM failures").fetchall()
    assert {event.event_id for event in good} <= filed
    assert len(filed) + len(failed) == 4
    assert failed in ([], [(UNDECODABLE,)])


@pytest.mark.parametrize("year", [1971, 9999])
def test_a_letter_that_cannot_be_read_is_filed_whatever_the_time_on_the_queue(house, year):
    class Elsewhen(MemoryMessageQueue):
        def receive(self, *wanted):
            return [replace(received, enqueued_at=datetime(year, 6, 1, tzinfo=UTC)) for received in super().receive(*wanted)]

    queue = Elsewhen()
    queue.publish([Message(b"\xff")])
    assert DeadLetterDrain(queue, house.desk.letters, house.desk.clock, house.telemetry).take_one()
    assert house.sql.execute("SELECT reason FROM failures").fetchall() == [(UNDECODABLE,)]


def test_a_drain_that_fails_keeps_the_other_chores_from_nothing(house):
    event = house.event()
    house.worker.record([_outcome(event)], event.event_id)
    house.sql.execute("UPDATE outcomes SET decided_at = now() - interval '1 h'")

    def fail():
        raise OSError

    with pytest.raises(OSError):
        WithChores(fail, house.desk.quality, house.desk.letters, house.rollups, house.telemetry, audit_share=0.0).take_one()
    assert house.state(event.event_id) == ("open", None)


def test_a_letter_that_is_filed_as_a_failure_for_a_reason_nobody_foresaw_stands_in_the_log(house):
    class Odd:
        def file(self, letters):
            if letters[0].kind != OutcomeKind.FAILURE:
                raise LookupError("nobody foresaw this")
            return house.desk.letters.file(letters)

    queue = MemoryMessageQueue()
    queue.publish([Message(a_letter(house.event()).encode())])
    with capture_logs() as lines:
        assert DeadLetterDrain(queue, Odd(), house.desk.clock, house.telemetry).take_one()
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["letter_not_fileable"]
    assert house.sql.execute("SELECT reason FROM failures").fetchall() == [(UNDECODABLE,)]


def _outcome(event):
    from tests.makers import an_outcome

    return an_outcome(event, OutcomeKind.REVIEW)
