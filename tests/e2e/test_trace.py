"""One event's whole life by one id, from the ledger of a fleet that has decided it."""

import json
import subprocess
import sys
from uuid import uuid4

from tests.conftest import wait_for
from tests.e2e.test_main_job import noise_picture


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
