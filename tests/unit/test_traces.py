"""Traces: ids that everybody finds by himself, spans of facts, and a collector that holds nobody up."""

import json
import subprocess
import sys
import time
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.environment import describe_settings, read_settings
from adapters.settings import TraceSettings
from adapters.telemetry.steps import steps
from adapters.telemetry.traces import open_traces
from contracts import facts
from contracts.errors import SettingsInvalid
from contracts.facts import EventsEntered, ItemDecided, Steps, Way
from contracts.ids import uuid7
from contracts.messages import Message, Received
from contracts.names import TRACE_HEADER, OutcomeKind
from contracts.traces import ACCEPTED, FORWARDED, PUBLISHED, ROOT, WOKEN, Foreign, is_kept, origin, span_id, trace_id, traceparent
from tests.collector import Collector
from tests.conftest import wait_for
from tests.makers import accepted, an_event, an_outcome
from tests.unit.test_logs import examples

WAY = Way((1.0, 1.1), Steps((1.2, 1.3), (1.4, 1.5), (1.5, 1.6)), (1.7, 1.8))


@pytest.fixture
def collector():
    collector = Collector()
    yield collector
    collector.close()


def an_id(random=b"\x00" * 10):
    return uuid7(datetime(2026, 5, 1, tzinfo=UTC), random)


class Lines(list):
    """A logger that keeps what it is told, also by threads that outlive the test."""

    def warning(self, name, **_):
        self.append(name)

    exception = warning


@pytest.fixture
def lines(monkeypatch):
    kept = Lines()
    monkeypatch.setattr("adapters.telemetry.traces.structlog.get_logger", lambda _: kept)
    return kept


def open_to(collector, **variables):
    return open_traces(read_settings(TraceSettings, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url} | variables), "worker")


# --- whose trace it is ----------------------------------------------------------------------------------------------


def test_who_knows_the_event_knows_its_trace():
    event_id = an_id()
    assert trace_id(event_id) == str(event_id).replace("-", "")
    assert traceparent(event_id, PUBLISHED).split("-")[1:] == [trace_id(event_id), f"{span_id(event_id, PUBLISHED):016x}", "01"]
    assert len({span_id(event_id, step) for step in ("a", "b")} | {span_id(an_id(b"\x01" * 10), "a")}) == 3


def test_of_many_events_the_share_is_kept_that_was_asked_for():
    ids = [
        uuid7(datetime(2026, 5, 1, tzinfo=UTC), number.to_bytes(4, "big") * 2 + b"ab") for number in range(0, 2**32, 2**21 + 12_345)
    ]
    for share in (0.0, 0.1, 0.5, 0.9, 1.0):
        assert sum(is_kept(one, share) for one in ids) / len(ids) == pytest.approx(share, abs=0.03)


@given(st.uuids(), st.floats(0, 1), st.floats(0, 1))
def test_who_keeps_more_keeps_all_that_others_keep(event_id, one, other):
    assert is_kept(event_id, min(one, other)) <= is_kept(event_id, max(one, other))


@pytest.mark.parametrize(
    "header",
    [None, "", "00", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "01-" + "a" * 32 + "-" + "1" * 16 + "-01", "x" * 100_000, "é" * 55],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_traceparent_is_not_heard(header):
    assert origin(an_id(), header) == (span_id(an_id(), ROOT), None)


def test_a_header_names_the_parent_within_the_events_trace_and_another_trace_is_linked():
    event_id = an_id()
    assert origin(event_id, traceparent(event_id, PUBLISHED)) == (span_id(event_id, PUBLISHED), None)
    stranger = f"00-{'a' * 32}-{'b' * 16}-00"
    assert origin(event_id, stranger) == (span_id(event_id, ROOT), Foreign(int("a" * 32, 16), int("b" * 16, 16)))


@pytest.mark.parametrize("step", [FORWARDED, ACCEPTED, WOKEN])
def test_no_header_makes_a_circle_of_a_trace(step):
    event = an_event()
    said = traceparent(event.event_id, step)
    forwarded = facts.EventForwarded(event.event_id, "bin-7", said, (1.0, 2.0))
    made = [*steps(forwarded, 0.0, 1.0), *steps(entered(event, {TRACE_HEADER: said}), 0.0, 1.0)]
    parents = {one.span_id: one.parent_id for one in made}
    for one in made:
        seen, place = set(), one.span_id
        while place in parents and place not in seen:
            seen.add(place)
            place = parents[place]
        assert place is None, one.name


# --- spans of facts -------------------------------------------------------------------------------------------------


def entered(event, headers=None, received_at=None):
    received = Received("1", Message(b"", headers or {}), datetime.now(UTC), 1)
    began = time.perf_counter() if received_at is None else received_at
    return EventsEntered([(received, accepted(event))], {event.event_id}, began, (began, began + 0.1), (began + 0.1, began + 0.2))


def test_an_attempt_is_a_span_with_its_stages_in_it():
    outcome = an_outcome(an_event())
    whole, *parts = steps(ItemDecided(outcome, 0.5, WAY), 100.0, 1.0)
    assert (whole.name, whole.began, whole.ended, whole.facts["waste.category"]) == ("classify", 101.0, 101.8, "plastic")
    assert [part.name for part in parts] == ["postgres claim", "fetch", "decode", "inference", "postgres record"]
    assert {part.parent_id for part in parts} == {whole.span_id}
    assert all(whole.began <= part.began <= part.ended <= whole.ended for part in parts)


def test_a_failure_says_why_and_what_it_did_not_come_to_has_no_span():
    outcome = an_outcome(an_event(), OutcomeKind.FAILURE)
    way = Way(WAY.claimed, Steps(fetched=(1.2, 1.3)), WAY.recorded)
    whole, *parts = steps(ItemDecided(outcome, 0.5, way), 0.0, 1.0)
    assert whole.failed == outcome.reason
    assert [part.name for part in parts] == ["postgres claim", "fetch", "postgres record"]


def test_two_attempts_at_an_event_have_spans_of_their_own():
    event = an_event()
    redriven = an_outcome(event, OutcomeKind.FAILURE), an_outcome(event, OutcomeKind.FAILURE)
    later = Way((2.0, 2.1), WAY.steps, (2.7, 2.8))
    postponed = facts.ItemPostponed(event.event_id, "bin-7", 1, "image_missing", "", 1.0, WAY)
    told = [*(ItemDecided(outcome, 0.5, WAY) for outcome in redriven), postponed, ItemDecided(an_outcome(event), 0.5, later)]
    ids = [step.span_id for fact in told for step in steps(fact, 0.0, 1.0)]
    assert len(set(ids)) == len(ids) == 24


def test_an_event_of_a_clock_that_is_ahead_has_no_span_that_ends_before_it_begins():
    event = an_event(captured_at=datetime.now(UTC) + timedelta(minutes=4))
    made = list(steps(entered(event), time.time() - time.perf_counter(), 1.0))
    assert all(step.began <= step.ended for step in made)
    assert [step.name for step in made] == ["event", "take in", "postgres accept", "wake workers"]


def test_what_came_before_makes_no_second_trace():
    event = an_event()
    fact = EventsEntered(entered(event).entered, set(), 1.0, (1.0, 1.1), None)
    assert list(steps(fact, 0.0, 1.0)) == []


def test_of_an_event_that_is_not_traced_no_fact_makes_a_span():
    told = [*examples(), entered(an_event()), ItemDecided(an_outcome(an_event()), 0.5, WAY)]
    assert [step for fact in told for step in steps(fact, 0.0, 0.0)] == []
    assert [step for fact in told for step in steps(fact, 0.0, 1.0)] != []


def test_no_span_has_an_address_in_it():
    event = an_event(image_url="s3://waste-images/bin-7/a.jpg?X-Amz-Signature=geheim")
    told = [entered(event), *(ItemDecided(an_outcome(event, kind), 0.5, WAY) for kind in OutcomeKind), *examples()]
    text = json.dumps([[step.name, dict(step.facts), step.failed] for fact in told for step in steps(fact, 0.0, 1.0)])
    assert "://" not in text
    assert "geheim" not in text


def test_each_fact_that_has_a_stretch_of_time_becomes_spans():
    timed = {
        kind for kind in get_args(facts.Fact) if {"published", "way", "filed", "accepted"} & {field.name for field in fields(kind)}
    }
    registered = set(steps.registry) - {object, facts.EventRefused}
    assert registered == timed


# --- the collector --------------------------------------------------------------------------------------------------


def test_spans_come_to_the_collector_with_service_and_token(collector):
    event = an_event()
    traces = open_to(collector, OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20geheim")
    traces.emit(entered(event, {TRACE_HEADER: f"00-{'a' * 32}-{'b' * 16}-01"}))
    traces.close()
    found = {span.name: span for span in collector.of(event.event_id)}
    assert set(found) == {"event", "take in", "postgres accept", "wake workers"}
    assert {span.service for span in found.values()} == {"waste-worker"}
    assert found["event"].parent_id == ""
    assert found["take in"].parent_id == found["event"].span_id
    assert found["take in"].links == (("a" * 32, "b" * 16),)
    assert found["postgres accept"].attributes["db.system.name"] == "postgresql"
    assert collector.headers[0]["authorization"] == "Bearer geheim"


@pytest.mark.parametrize("fault", ["away", "hangs", "answers 500", "answers 404"])
def test_a_collector_that_takes_nothing_holds_up_neither_the_work_nor_the_end(fault, lines):
    collector = Collector()
    traces = open_to(collector)
    collector.hang_s = 30 if fault == "hangs" else 0
    collector.answer = int(fault.split()[-1]) if "answers" in fault else 200
    if fault == "away":
        collector.close()
    began = time.perf_counter()
    for _ in range(1000):
        traces.emit(ItemDecided(an_outcome(an_event()), 0.5, WAY))
    assert time.perf_counter() - began < 3
    traces.close()
    assert time.perf_counter() - began < 6
    assert lines.count("spans_lost") == ("answers" in fault) or fault in {"away", "hangs"}
    if fault != "away":
        collector.close()


def test_what_fails_in_a_trace_harms_nobody(collector, lines):
    traces = open_to(collector)
    for _ in range(3):
        traces.emit(ItemDecided(an_outcome(an_event()), 0.5, "no way"))
    traces.close()
    assert lines == ["trace_not_made"]


def test_half_of_the_events_are_traced_where_half_are_asked_for(collector):
    traces = open_to(collector, OTEL_TRACES_SAMPLER="parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG="0.5")
    events = [an_event() for _ in range(200)]
    for event in events:
        traces.emit(entered(event))
    traces.close()
    seen = {UUID(span.trace_id) for span in collector.spans}
    assert seen == {event.event_id for event in events if is_kept(event.event_id, 0.5)}
    assert {event.event_id for event in events if traces.stamp(event.event_id, PUBLISHED)} == seen
    assert 60 < len(seen) < 140


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_SAMPLER": "always_off"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_TRACES_SAMPLER_ARG": ""},
    ],
)
def test_without_an_address_nothing_is_traced(variables):
    assert open_traces(read_settings(TraceSettings, variables), "worker") is None


def test_the_address_is_the_one_of_the_specification():
    base, whole = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://c:4318/otlp/"}, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://t/x"}
    assert read_settings(TraceSettings, base).traces_address() == "https://c:4318/otlp/v1/traces"
    assert read_settings(TraceSettings, base | whole).traces_address() == "https://t/x"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("OTEL_EXPORTER_OTLP_ENDPOINT", text)
            for text in ("collector:4318", "ftp://c", "http://", "http://u:geheim@c", "http://c:99999", "http://[c")
        ),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/v1/traces?token=geheim"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "geheim"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        *(("OTEL_TRACES_SAMPLER_ARG", text) for text in ("2", "nan", "half")),
    ],
)
def test_what_cannot_be_used_is_named_and_no_secret_is(name, value):
    with pytest.raises(SettingsInvalid) as refused:
        read_settings(TraceSettings, {name: value})
    assert name in refused.value.detail
    assert "geheim" not in refused.value.detail


def test_a_token_is_masked_where_settings_are_shown():
    shown = describe_settings(TraceSettings, read_settings(TraceSettings, {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=geheim"}))
    assert "geheim" not in str(shown)


def test_what_the_sdk_refuses_is_a_line_and_no_traceback(monkeypatch, collector):
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5000")
    with pytest.raises(SettingsInvalid, match="max_export_batch_size"):
        open_to(collector)


@pytest.mark.parametrize("program", ["worker", "dlq_review", "producer", "producer.edge", "intake.gateway"])
def test_no_program_imports_what_traces_need_by_itself(program):
    # The client of Redis imports the part for metrics, where it is installed.
    parts = "opentelemetry.sdk.trace.export", "opentelemetry.exporter"
    check = f"import sys, {program}.__main__; raise SystemExit(any(name.startswith({parts}) for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0


def test_the_end_of_a_span_waits_for_no_flush(collector):
    traces = open_to(collector)
    traces.emit(entered(an_event()))
    began = time.perf_counter()
    traces.close()
    assert time.perf_counter() - began < 1.8
    wait_for(lambda: collector.spans, 2, "the spans")
