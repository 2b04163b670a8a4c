"""What dies, is told to end or is put to sleep."""

import os
import signal
import time

import pytest

from tests.conftest import wait_for
from tests.faults.oracle import Watch, audit, find, quiet

RECOVERY_P99_S = 10.0


@pytest.mark.timeout(900)
def test_events_are_recorded_once_when_a_worker_is_killed_each_second(broken, times, fault, recovered):
    fleet, load = broken()
    sending = load.stream(times(20_000, 1500), times(220, 150))
    held = {}
    with Watch(fleet) as watch:
        for number in range(times(60, 5)):
            time.sleep(1.0)
            name = fleet.workers()[number % 2]
            if number % 3 == 0:
                caught_with_events(fleet, name)
            held |= killed_with(fleet, name)
            fault("kill -9 of a worker")
        sending.join(300)
        audit(fleet, load)
    poisoned = fleet.query("SELECT event_id, detail FROM outcomes WHERE reason = 'poison'")
    assert poisoned == [], "an innocent event was blamed"
    assert watch.longest_s < RECOVERY_P99_S + 5
    took = recoveries(fleet, held)
    recovered(took)
    assert within_bound(took)


@pytest.mark.timeout(600)
def test_what_a_killed_worker_held_is_decided_within_ten_seconds(broken, times, fault, recovered):
    fleet, load = broken()
    kills, rate = times(20, 2), 220
    sending = load.stream(kills * 8 * rate, rate)
    took = []
    for number in range(kills):
        name = fleet.workers()[number % 2]
        fleet.await_ready(name)
        caught_with_events(fleet, name)
        held = killed_with(fleet, name)
        fault("kill -9 of a worker")
        wait_for(lambda held=held: decided(fleet, list(held)) == len(held), 60, "the events of the dead")
        took += recoveries(fleet, held)
    sending.join(300)
    audit(fleet, load)
    recovered(took)
    assert within_bound(sorted(took))


def killed_with(fleet, name):
    """Kill a worker and start its successor; returns what it held, each event with the moment of the kill."""
    owner = fleet.owner_of(name)
    fleet.supervisor.kill(name)
    killed_at = fleet.query("SELECT now()")[0][0]
    rows = fleet.query("SELECT event_id FROM events WHERE open AND lease_owner = %s", owner)
    fleet.start_role(name)
    return {event_id: killed_at for (event_id,) in rows}


def recoveries(fleet, held):
    """Return the seconds from the kill to the outcome of each event, the shortest first."""
    rows = fleet.query("SELECT event_id, decided_at FROM outcomes WHERE event_id = ANY(%s)", list(held))
    return sorted((decided_at - held[event_id]).total_seconds() for event_id, decided_at in rows)


def within_bound(took):
    """Return whether there are any, the shortest first, and 99 % of them are short enough."""
    return took and took[int(len(took) * 0.99)] <= RECOVERY_P99_S


@pytest.mark.timeout(600)
def test_events_are_recorded_once_when_intake_and_the_drain_are_killed(broken, times, fault):
    fleet, load = broken()
    sending = load.stream(times(6000, 600), 200)
    for _ in range(times(20, 3)):
        for name, kind in (("intake", "kill -9 of intake and its reconciler"), ("dlq-drain", "kill -9 of the dead-letter drain")):
            time.sleep(0.4)
            fleet.restart(name)
            fault(kind)
    sending.join(120)
    audit(fleet, load)


@pytest.mark.timeout(900)
def test_a_rolling_restart_needs_no_force_and_burns_no_attempt(broken, times, fault):
    fleet, load = broken()
    rounds = times(30, 3)
    sending = load.stream(rounds * 150, 100)
    slowest = 0.0
    for number in range(rounds):
        name = fleet.workers()[number % 2]
        fleet.await_ready(name)
        time.sleep(0.5)
        began = time.monotonic()
        assert fleet.supervisor.stop(name, 25), f"{name} needed SIGKILL"
        slowest = max(slowest, time.monotonic() - began)
        fleet.start_role(name)
        fault("SIGTERM of a worker")
    sending.join(120)
    audit(fleet, load)
    print(f"the slowest of {rounds} ends took {slowest:.1f} s")
    assert fleet.query("SELECT DISTINCT attempts, losses FROM events") == [(1, 0)]


@pytest.mark.timeout(300)
def test_a_worker_that_slept_past_its_lease_doubles_nothing(broken, times, fault):
    fleet, load = broken()
    sending = load.stream(times(3000, 800), 100)
    for number in range(times(4, 1)):
        asleep(fleet, fleet.workers()[number % 2])
        fault("SIGSTOP for longer than the heartbeat, then SIGCONT")
    sending.join(120)
    audit(fleet, load)


def asleep(fleet, name):
    """Put a worker to sleep with events in its hands until others have taken them, then wake it."""
    pid = fleet.supervisor.pid(name)
    owner = wait_for(lambda: fleet.owner_of(name), 30, "a heartbeat")
    wait_for(lambda: stopped_with_events(fleet, pid, owner), 60, "a worker that holds something")
    try:
        wait_for(lambda: not held_by(fleet, owner), 60, "the others to take over")
        time.sleep(1)
    finally:
        os.kill(pid, signal.SIGCONT)


def caught_with_events(fleet, name, patience_s=5):
    """Stop a worker in the moment it holds something, if it does so before long."""
    pid, until = fleet.supervisor.pid(name), time.monotonic() + patience_s
    while time.monotonic() < until:
        owner = fleet.owner_of(name)
        if owner and stopped_with_events(fleet, pid, owner):
            return


def stopped_with_events(fleet, pid, owner):
    """Stop a process in the moment it holds something; let it go on if that was already on its way to the ledger."""
    until = time.monotonic() + 2
    while not held_by(fleet, owner):
        if time.monotonic() > until:
            return False
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.3)
    if held_by(fleet, owner):
        return True
    os.kill(pid, signal.SIGCONT)
    return False


def held_by(fleet, owner):
    return fleet.query("SELECT count(*) FROM events WHERE open AND lease_owner = %s", owner)[0][0]


@pytest.mark.timeout(300)
def test_a_picture_that_kills_its_process_is_poison_and_its_neighbours_come_through(broken, times, fault):
    fleet, load = broken(plant="killing_pictures")
    poison = load.put("poison.jpg", b"\xff\xd8\xff KILL")
    deadly = times(3, 1)
    bad = [load.send(1, [poison])[0] for _ in range(deadly) if load.send(60)]
    wait_for(lambda: revive(fleet) or decided(fleet, bad) == deadly, 200, "the poison to be found")
    quiet(fleet, load)
    for name in fleet.workers():
        revive(fleet)
        fleet.await_ready(name)
    fault("a picture that kills its process", deadly)
    assert not find(fleet, load)
    assert dict(fleet.query("SELECT reason, count(*) FROM outcomes WHERE kind = 'failure' GROUP BY reason")) == {"poison": deadly}
    (worst,) = fleet.query("SELECT max(losses) FROM events WHERE event_id = ANY(%s)", bad)[0]
    assert worst <= 3


def revive(fleet):
    """Do what a supervisor in production does: start what has died."""
    for name in set(fleet.role_names()) - set(fleet.supervisor.alive()):
        fleet.start_role(name)


def decided(fleet, ids):
    return fleet.query("SELECT count(*) FROM outcomes WHERE event_id = ANY(%s)", ids)[0][0]
