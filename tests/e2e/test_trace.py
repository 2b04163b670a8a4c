"""One event's whole life by one id: in the ledger of a fleet that has decided it, in its traces and in its logs."""

import json
import subprocess
import sys
import time
from uuid import UUID, uuid4

import pytest

from contracts.signatures import derive_credential, device_token
from contracts.traces import PUBLISHED, span_id
from local.fleet import LocalFleet
from tests.collector import Collector
from tests.conftest import wait_for
from tests.e2e.conftest import Outside
from tests.e2e.test_main_job import noise_picture
from tests.edge_house import Bin
from tests.log_lines import lines_of, wrong_lines


@pytest.fixture(scope="module")
def collector():
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def outside(tmp_path_factory, collector):
    """A fleet that sends its traces to the collector."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        with LocalFleet(tmp_path_factory.mktemp("fleet"), durable=False, desk=True) as fleet:
            yield Outside(fleet)


def send_as_a_bin(outside, folder, picture):
    """Send a picture as `waste send` does, by a bin that tells its own part; returns the event's id."""
    (folder / "a.png").write_bytes(picture)
    environment = outside.fleet.environment("edge") | {"WASTE_STATE_DIR": str(folder)}
    command = [sys.executable, "-m", "waste", "send", str(folder / "a.png"), "--sensor", "bin-7"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return UUID(done.stdout.strip())


def trace(outside, event_id, *options, code=0):
    command = [sys.executable, "-m", "waste", "trace", str(event_id), *options]
    done = subprocess.run(command, env=outside.fleet.environment("reader"), capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def label(outside, event_id):
    waste = [sys.executable, "-m", "waste", "dlq"]
    environment = outside.fleet.environment("review")
    for arguments in (["account", "add", "rita", "--role", "reviewer"], ["label", str(event_id), "glass", "--as", "rita"]):
        subprocess.run([*waste, *arguments], env=environment, check=True, capture_output=True)


def test_an_event_for_people_is_told_from_the_capture_to_the_label(outside):
    (event_id,) = outside.send([noise_picture(1)])
    assert outside.await_outcomes([event_id])[event_id][0] == "review"
    wait_for(lambda: outside.query("SELECT count(*) FROM review_items")[0][0] == 1, what="the review item")
    label(outside, event_id)
    moments = [json.loads(line) for line in trace(outside, event_id, "--json").splitlines()]
    happened = [one["what"].split(":")[0].split(" as ")[0] for one in moments]
    told = [one for one in happened if one != "told to the review desk"]
    assert told[:5] == ["captured", "accepted", "classified", "ended", "filed for people"]
    # The desk closes an item in the transaction of its last label.
    assert set(told[5:]) == {"labelled glass", "closed"}
    assert [one["at"] for one in moments] == sorted(one["at"] for one in moments)
    by_what = dict(zip(happened, moments, strict=True))
    assert by_what["classified"]["facts"]["confidence"] < 1
    assert by_what["labelled glass"]["who"] == "rita"
    text = trace(outside, event_id)
    assert len(text.splitlines()) == len(moments)
    assert "labelled glass (rita): origin cli, purpose review" in text


def test_a_failure_that_was_opened_again_is_told_with_both_its_ends(outside):
    (event_id,) = outside.send([b"\xff\xd8 that is no picture"])
    ((_, reason),) = outside.await_outcomes([event_id]).values()
    wait_for(lambda: outside.query("SELECT count(*) FROM failures")[0][0] == 1, what="the failure")
    command = [sys.executable, "-m", "waste", "dlq", "redrive", str(event_id)]
    subprocess.run(command, env=outside.fleet.environment("review"), check=True, capture_output=True)
    wait_for(lambda: outside.query("SELECT count(*) FROM outcomes WHERE event_id = %s", event_id)[0][0] == 1, what="a new end")
    wait_for(lambda: trace(outside, event_id).count("filed as a failure") == 2, what="both rounds")
    told = trace(outside, event_id)
    assert told.index(f"failed: {reason}") < told.index("opened again") < told.index(f"ended: failed, {reason}")


def test_an_id_that_nobody_knows_is_said_to_be_unknown(outside):
    unknown = uuid4()
    assert f"{unknown}: nothing is known of it" in trace(outside, unknown, code=1)
    assert "invalid" in trace(outside, "glass", code=2)


def steps(collector, event_id, needed):
    """Wait for the `needed` steps, which programs send each at a time of its own; returns all by name, each told once."""
    wait_for(lambda: needed <= collector.by_name(event_id).keys(), 30, lambda: f"all of {sorted(collector.by_name(event_id))}")
    return {name: one for name, (one,) in collector.by_name(event_id).items()}


WAY = [
    ("upload picture", "waste-edge", "event"),
    ("send event", "waste-edge", "event"),
    ("take in", "waste-intake", "send event"),
    ("postgres accept", "waste-intake", "take in"),
    ("wake workers", "waste-intake", "take in"),
    ("classify", "waste-worker", "wake workers"),
    ("postgres claim", "waste-worker", "classify"),
    ("fetch", "waste-worker", "classify"),
    ("decode", "waste-worker", "classify"),
    ("inference", "waste-worker", "classify"),
    ("postgres record", "waste-worker", "classify"),
    ("tell people", "waste-worker", "classify"),
    ("file for people", "waste-dlq-drain", "tell people"),
    ("postgres file", "waste-dlq-drain", "file for people"),
]
"""The steps of an event for people in their order: each with its program, and the step that it belongs to."""


def test_the_whole_way_of_an_event_is_one_trace_from_the_bin_to_the_review_desk(outside, collector, tmp_path):
    event_id = send_as_a_bin(outside, tmp_path, noise_picture(2))
    names = {"event", *(name for name, _, _ in WAY)}
    by_name = steps(collector, event_id, names)
    assert set(by_name) == names
    assert (by_name["event"].service, by_name["event"].parent_id) == ("waste-intake", "")
    for name, service, parent in WAY:
        assert (by_name[name].service, by_name[name].parent_id) == (service, by_name[parent].span_id), name
        assert by_name[name].ended >= by_name[name].began >= by_name["event"].began, name
    began = [by_name[name].began for name, _, _ in WAY]
    assert began == sorted(began)
    assert by_name["classify"].attributes["waste.outcome"] == "review"
    assert by_name["classify"].attributes["waste.confidence"] < 1
    assert (by_name["classify"].kind, by_name["postgres record"].kind) == (5, 3)  # takes from a queue, asks a server
    assert by_name["take in"].attributes["messaging.destination.name"] == "waste-events"
    text = str(collector.of(event_id))
    assert "://" not in text
    assert by_name["send event"].span_id == f"{span_id(event_id, PUBLISHED):016x}"


def test_the_program_of_a_bin_and_the_gateway_tell_their_parts_of_the_same_trace(outside, collector, tmp_path):
    gateway = f"http://127.0.0.1:{outside.fleet.health_ports['gateway']}"
    token = device_token(derive_credential(outside.master_key, "bin-77"))
    to = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    own = Bin(tmp_path, gateway, "bin-77", DEVICE_TOKEN=token, **to).start()
    own.throw(1)
    ((event_id,),) = wait_for(lambda: outside.query("SELECT event_id FROM events WHERE sensor_id = 'bin-77'"), 30, "the event")
    outside.await_outcomes([event_id])
    assert own.stop() == 0
    way = {name: (service, parent) for name, service, parent in WAY[:11]} | {
        "forward event": ("waste-gateway", "send event"),
        "take in": ("waste-intake", "forward event"),
    }
    wait_for(
        lambda: way.keys() <= collector.by_name(event_id).keys(), 30, lambda: f"all of it: {sorted(collector.by_name(event_id))}"
    )
    by_name = {name: one for name, (one, *_) in collector.by_name(event_id).items()}
    assert {name: by_name[name].service for name in way} == {name: service for name, (service, _) in way.items()}
    for name, (_, parent) in way.items():
        assert by_name[name].parent_id == by_name[parent].span_id, name


def test_an_event_of_a_bin_that_tells_nothing_has_its_trace_from_the_capture_on(outside, collector):
    (event_id,) = outside.send([b"\xff\xd8 that is no picture, either"])
    by_name = steps(collector, event_id, {"event", "take in", "classify", "postgres file"})
    assert by_name["take in"].parent_id == by_name["event"].span_id
    assert by_name["classify"].failed
    assert not {"upload picture", "send event", "inference"} & set(by_name)


def test_what_is_refused_at_the_door_has_a_trace_of_its_own(outside, collector):
    outside.publish(b"{}")
    ((event_id,),) = wait_for(
        lambda: outside.query("SELECT event_id FROM failures WHERE reason = 'event_invalid'"), what="the failure"
    )
    by_name = steps(collector, event_id, {"event", "tell people", "postgres file"})
    assert by_name["event"].failed == "event_invalid"
    assert by_name["tell people"].parent_id == by_name["event"].span_id


def test_the_collectors_end_ends_no_event(outside, collector):
    collector.answer = 500
    ids = outside.send([noise_picture(3)] * 3)
    assert {kind for kind, _ in outside.await_outcomes(ids).values()} == {"review"}
    collector.answer = 200


def test_each_line_of_the_fleets_log_is_as_documented_and_has_the_trace_of_its_event(outside):
    told = lines_of(outside.fleet.log_path)
    assert {line["event"] for line in told} >= {"batch_accepted", "event_decided", "event_refused", "dead_letters_filed"}
    assert wrong_lines(outside.fleet.log_path) == []
    of_events = [line for line in told if "event_id" in line]
    assert of_events
    assert all(line["trace_id"] == UUID(line["event_id"]).hex for line in of_events)


def test_a_program_that_is_ended_sends_what_it_has_and_is_held_up_by_nothing(outside, collector):
    (event_id,) = outside.send([noise_picture(4)])
    outside.await_outcomes([event_id])
    began = time.monotonic()
    assert outside.fleet.stop()
    assert time.monotonic() - began < 20
    assert "classify" in collector.by_name(event_id)
