"""What dies in the middle of five hundred events: nothing is lost and nothing is counted twice."""

import threading
import time

import pytest

from local.fleet import LocalFleet
from tests.conftest import wait_for
from tests.e2e.conftest import Outside

EVENTS = 500


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with LocalFleet(tmp_path_factory.mktemp("kills"), workers=2) as fleet:
        yield fleet


def during_events(outside, pictures, faults):
    """Send the events from a thread while `faults` go on; then wait for quiet and return the ids."""
    images = [pictures[number % len(pictures)][0] for number in range(EVENTS)]
    sent, failed = [], []

    def send():
        try:
            sent.extend(outside.send(images))
        except Exception as error:
            failed.append(error)

    sender = threading.Thread(target=send)
    sender.start()
    for fault in faults:
        time.sleep(0.7)
        fault()
    sender.join(120)
    assert not failed
    assert len(sent) == EVENTS
    outside.await_outcomes(sent, 120)
    return sent


def restart(fleet, name):
    def kill():
        fleet.supervisor.kill(name)
        fleet.start_role(name)

    return kill


@pytest.mark.timeout(300)
def test_nothing_is_lost_or_doubled_when_everything_is_killed_once(running, pictures):
    outside = Outside(running)
    faults = [
        restart(running, "worker-1"),
        restart(running, "intake"),
        lambda: (running.stack.valkey.kill(), running.stack.valkey.start()),
        restart(running, "worker-2"),
        lambda: running.stack.postgres.stop("immediate") or True,
        running.stack.postgres.start,
        restart(running, "dlq-drain"),
    ]
    ids = during_events(outside, pictures, faults)
    assert outside.audit() == (set(), 0, 0)
    unsure = [event_id for event_id, (kind, _) in outside.outcomes(ids).items() if kind == "review"]
    wait_for(
        lambda: outside.query("SELECT count(*) FROM review_items WHERE event_id = ANY(%s)", unsure)[0][0] == len(unsure),
        60,
        "all of the review items",
    )
    assert not [event_id for event_id, (kind, _) in outside.outcomes(ids).items() if kind == "failure"]


@pytest.mark.timeout(120)
def test_events_of_a_killed_worker_are_decided_within_seconds(running, pictures):
    outside = Outside(running)
    ids = outside.send([image for image, _ in pictures[:60]])
    running.supervisor.kill("worker-1")
    killed = time.monotonic()
    outside.await_outcomes(ids, 60)
    took = time.monotonic() - killed
    running.start_role("worker-1")
    print(f"all 60 events decided {took:.1f} s after the kill")
    assert took < 20


@pytest.mark.timeout(120)
def test_a_worker_that_is_told_to_end_ends_in_time_and_burns_no_attempt(running, pictures):
    outside = Outside(running)
    wait_for(lambda: not running.ready("worker-1") and not running.ready("worker-2"), 30, "both workers")
    before = {event_id for (event_id,) in outside.query("SELECT event_id FROM outcomes")}
    sender = threading.Thread(target=lambda: outside.send([image for image, _ in pictures] * 3))
    sender.start()
    time.sleep(1)
    started = time.monotonic()
    assert running.supervisor.stop("worker-1", 25)
    print(f"the worker ended in {time.monotonic() - started:.1f} s")
    running.start_role("worker-1")
    sender.join(60)
    outside.await_outcomes(outside.accepted, 60)
    attempts = outside.query("SELECT event_id, attempts, losses FROM events WHERE NOT open")
    assert {(a, lost) for event_id, a, lost in attempts if event_id not in before} == {(1, 0)}
    assert outside.audit() == (set(), 0, 0)
