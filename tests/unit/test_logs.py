"""What is logged: each line as docs/logs.md and docs/logs.schema.json say, and no more of them than somebody reads."""

import contextlib
import json
import logging
import re
from datetime import UTC, datetime
from typing import get_args
from uuid import uuid4

import pytest
import structlog

from adapters.telemetry.facts import FleetTelemetry
from adapters.telemetry.log_budget import LogBudget
from adapters.telemetry.logs import configure_logging
from contracts import facts
from contracts.names import OutcomeKind
from tests.conftest import REPOSITORY, wait_for
from tests.log_lines import SCHEMA, VALIDATOR, written
from tests.makers import a_letter, an_event, an_outcome

ON_EACH = {"timestamp", "level", "role", "event", "trace_id"}
OF_LIBRARIES = {"logger", "stack"}


@pytest.fixture(autouse=True)
def nothing_is_told_later(monkeypatch):
    monkeypatch.setattr("adapters.telemetry.log_budget._TELL_EVERY_S", 3600.0)
    monkeypatch.setattr("adapters.telemetry.logs.atexit.register", lambda _: None)


def documented():
    rows = re.findall(r"(?m)^\| `([A-Za-z_]+)` \| ([a-z, ]+) \| ([^|]*) \|", (REPOSITORY / "docs" / "logs.md").read_text("utf-8"))
    return {name: (set(levels.split(", ")), set(re.findall("`([a-z_]+)`", fields))) for name, levels, fields in rows}


@contextlib.contextmanager
def logging_as(capsys, *options):
    lines = []
    configure_logging("test", *options)
    try:
        yield lines
        lines += [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    finally:
        logging.basicConfig(force=True)
        structlog.reset_defaults()


def examples():
    """Yield facts of every kind, in each of the forms that make another line."""
    event, other, now = an_event(), uuid4(), (1.0, 2.0)
    for kind in OutcomeKind:
        yield facts.ItemDecided(an_outcome(event, kind), 0.5)
    yield facts.BatchAccepted(1, 2, 3, 4, 5, 0.25)
    yield facts.EventRefused(event.event_id, "url_blocked", "https://u:p@h/?x=1", None, 1.0)
    yield facts.OutcomeRepeated(event.event_id, OutcomeKind.REVIEW)
    yield facts.ItemPostponed(event.event_id, "bin-7", 1, "image_missing", "", 2.5)
    yield facts.LeaseLost(event.event_id, 1)
    yield facts.WakeUpsRepublished("due", [other], now)
    yield facts.DeadLettersPublished([a_letter(event)], now)
    yield facts.DeadLettersFiled([a_letter(event)], 1, 0.5, now)
    yield facts.DependencyLost("ledger_unavailable", "no route")
    yield facts.DependencyBack("ledger_unavailable", 2.5)
    yield facts.AuditSampled(3)
    yield facts.PolicyViolated("script-src")
    yield facts.AccuracyWatched(float("nan"), 0.1, 0.9, 0, 0.8, 1.0)
    yield facts.AlertOpened("drift", "", {"share": 0.5, "categories": {"glass": [1, 2]}, "since": datetime.now(UTC)})
    yield facts.AlertClosed("drift", "")
    yield facts.ModelsInForce(3, "m1", None, "m2")
    yield facts.WakeUpTaken(64)
    yield facts.ShiftMeasured("brightness", 0.1, 0.2)
    yield facts.ModelLoaded("m1", 0.25, "disk")
    yield facts.ModelNotLoaded(3, "its digest is another")
    yield facts.ModelUnfit("m2", "it failed")
    yield from (facts.ModelMoved("m2", "canary", after, "better") for after in ("champion", "retired"))
    yield from (facts.TrainingEnded("t1", state, "it is better") for state in ("registered", "failed"))
    yield facts.EventSent(event.event_id, "bin-7", None, now)
    yield facts.EventForwarded(event.event_id, "bin-7", None, now)
    yield facts.EventsEntered([], set(), 1.0, now, None)


def told(capsys):
    with logging_as(capsys, "debug", "json") as lines:
        for fact in examples():
            FleetTelemetry().emit(fact)
    return lines


def test_each_fact_has_an_example_here():
    assert {type(one) for one in examples()} == set(get_args(facts.Fact))


def test_each_line_of_a_fact_is_as_the_schema_says(capsys):
    for line in told(capsys):
        assert not [f"{error.instance_path}: {error.message}" for error in VALIDATOR.iter_errors(line)], line
        assert line["event"] != "fact_unknown"


def test_the_document_names_the_lines_of_the_code_and_none_else():
    assert set(documented()) == set(written())


def test_the_document_names_the_fields_and_levels_of_each_line_and_none_else(capsys):
    levels = {name: set(line.levels) for name, line in written().items()}
    fields = {name: set(line.fields) for name, line in written().items()}
    for line in told(capsys):
        levels[line["event"]].add(line["level"])
        fields[line["event"]] |= line.keys() - ON_EACH
    assert {name: (levels[name], fields[name]) for name in fields} == documented()


def test_the_schema_names_the_fields_of_the_document_and_none_else():
    fields = set().union(*(fields for _, fields in documented().values()))
    assert set(SCHEMA["properties"]) == fields | ON_EACH | OF_LIBRARIES
    assert all(field.get("description") for field in SCHEMA["properties"].values())


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"timestamp": "2026-05-01 12:00:00"},
        {"level": "WARN"},
        {"event_id": str(uuid4())},
        {"colour": "red"},
        {"why": "x" * 3000},
    ],
)
def test_the_schema_refuses_what_is_no_line(line):
    good = {"timestamp": "2026-05-01T12:00:00.000001Z", "level": "info", "role": "worker", "event": "ended"}
    assert VALIDATOR.is_valid(good)
    assert not VALIDATOR.is_valid(good | line if line else {})


def test_a_line_about_an_event_has_its_trace(capsys):
    event_id = uuid4()
    with logging_as(capsys, "info", "json") as lines:
        structlog.get_logger("x").info("ended", event_id=str(event_id))
        structlog.get_logger("x").info("ended")
    assert lines[0]["trace_id"] == event_id.hex
    assert "trace_id" not in lines[1]


def test_a_library_that_writes_a_line_writes_it_as_the_schema_says(capsys):
    with logging_as(capsys, "info", "json") as lines:
        try:
            raise ValueError("a" * 50_000)
        except ValueError:
            logging.getLogger("celery").exception("Unrecoverable error: %s", "b\n\ud800" * 9000)
    (line,) = lines
    assert not list(VALIDATOR.iter_errors(line))


def test_no_text_of_a_stranger_makes_a_long_line_a_deep_one_or_two_of_them(capsys):
    deep = {"a": {"b": {"c": ["d"] * 10_000}}}
    with logging_as(capsys, "info", "json") as lines:
        log = structlog.get_logger("x")
        log.info("ended", why="y\n" * 500_000, evidence=deep, hint="z" * 500_000, bytes=[1] * 500_000)
        log.info("ended", why="x" * 1990 + " https://user:geheim@host/?token=geheim")
        log.info("ended", evidence=deep)
        log.info("alert_opened", evidence={f"e{number}": "\U0001f5d1" * 2000 for number in range(500)}, detail="\u00e4" * 10_000)
    assert [line["event"] for line in lines] == ["ended", "ended", "ended", "alert_opened"]
    assert all(len(json.dumps(line)) < 15_500 for line in lines)
    assert "geheim" not in json.dumps(lines[1])
    assert isinstance(lines[2]["evidence"]["a"], str)
    assert not list(VALIDATOR.iter_errors(lines[3]))


def test_under_load_lines_about_single_events_are_counted_and_warnings_are_all_written(capsys):
    with logging_as(capsys, "info", "json", 5.0) as lines:
        log = structlog.get_logger("x")
        for _ in range(200):
            log.info("event_decided", event_id=str(uuid4()))
            log.warning("event_refused", event_id=str(uuid4()))
            log.info("batch_accepted")
    count = {name: sum(line["event"] == name for line in lines) for name in ("event_decided", "event_refused", "batch_accepted")}
    assert count["event_refused"] == count["batch_accepted"] == 200
    assert 50 <= count["event_decided"] <= 60


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_what_was_left_out_is_told_once_and_a_quiet_time_is_saved_up():
    out, clock = [], Clock()
    budget = LogBudget(2.0, out.append, clock)

    def passed(number):
        count = 0
        for _ in range(number):
            with contextlib.suppress(structlog.DropEvent):
                budget(None, "info", {"event_id": "x"})
                count += 1
        return count

    assert passed(100) == 20
    clock.now += 3
    assert passed(100) == 6
    clock.now += 3600
    assert passed(100) == 20
    budget.tell()
    budget.tell()
    assert out == [80 + 94 + 80]


def test_after_the_last_line_of_a_load_it_is_told_what_was_left_out(monkeypatch):
    monkeypatch.setattr("adapters.telemetry.log_budget._TELL_EVERY_S", 0.05)
    out = []
    budget = LogBudget(0.1, out.append)
    for _ in range(3):
        with contextlib.suppress(structlog.DropEvent):
            budget(None, "info", {"event_id": "x"})
    wait_for(lambda: out == [2], 5, "the line")
