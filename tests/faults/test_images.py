"""What the store of the pictures does."""

import time

import pytest

from tests.conftest import wait_for
from tests.faults.lying_store import LIES, LyingStore
from tests.faults.oracle import audit, find, quiet


def good_rate(fleet, load, count, bad=()):
    """Return the events/s at which 99 % of good events, with bad ones between them, were decided.

    The last percent is left out: one download that this machine's noise breaks is tried again seconds later.
    """
    good = load.make(count)
    mixed = [*load.make(len(bad), bad), *good] if bad else good
    step = max(1, len(mixed) // max(1, len(bad)))
    mixed = [one for start in range(step) for one in mixed[start::step]]
    began = fleet.query("SELECT clock_timestamp()")[0][0]
    load.publish(mixed)
    ids = [one.capture.event_id for one in good]
    wait_for(
        lambda: fleet.query("SELECT count(*) FROM outcomes WHERE event_id = ANY(%s)", ids)[0][0] == count, 120, "the good ones"
    )
    most = "percentile_disc(0.99) WITHIN GROUP (ORDER BY decided_at)"
    (ended,) = fleet.query(f"SELECT {most} FROM outcomes WHERE event_id = ANY(%s)", ids)[0]
    return 0.99 * count / (ended - began).total_seconds()


@pytest.mark.timeout(400)
def test_every_lie_of_a_store_ends_by_its_class_and_good_events_keep_their_rate(broken, times, fault):
    fleet, load = broken()
    with LyingStore(fleet.stack.seaweed.port) as store:
        for name in fleet.workers():
            fleet.supervisor.stop(name)
            fleet.overrides[name] = {"S3_ENDPOINT_URL": f"http://127.0.0.1:{store.port}"}
            fleet.start_role(name)
        fleet.await_ready()
        count = times(4000, 1500)
        alone = good_rate(fleet, load, count)
        lies = [f"s3://waste-images/lies/{name}-{number}.jpg" for number in range(times(3, 1)) for name in LIES]
        among = good_rate(fleet, load, count, lies)
        fault("a store that lies, stalls or breaks off", len(lies))
        print(f"good events: {alone:.0f}/s alone, {among:.0f}/s among lies")
        wait_for(lambda: not unexpected(fleet), 60, "each lie to be seen through")
        assert among >= 0.7 * alone
        wait_for(lambda: give_up_waiting(fleet), 90, lambda: f"the end of {still_open(fleet)}")
        quiet(fleet, load)
        assert not find(fleet, load)
        assert not unexpected(fleet)


def unexpected(fleet):
    """Return the lies whose event was neither postponed nor ended for the reason that it must be."""
    rows = fleet.query("""SELECT e.image_url, coalesce(o.reason, e.last_reason), o.detail FROM events e LEFT JOIN outcomes o USING (event_id)
        WHERE e.image_url LIKE '%/lies/%'""")
    return [(url, reason, detail) for url, reason, detail in rows if reason != LIES[url.rsplit("/", 1)[1].split("-")[0]]]


def still_open(fleet):
    return fleet.query("SELECT image_url, attempts, losses, last_reason, lease_owner, available_at - now() FROM events WHERE open")


def give_up_waiting(fleet):
    """Make every postponed event due for its last time; returns whether none is left."""
    last = "SET attempts = 6, available_at = now(), woken_at = now() - interval '1 s' WHERE open AND lease_owner IS NULL"
    fleet.query(f"UPDATE events {last} AND attempts < 6")
    time.sleep(0.5)
    return fleet.query("SELECT count(*) FROM events WHERE open") == [(0,)]


def test_workers_with_keys_that_the_store_refuses_are_unready_and_cost_no_event_anything(broken, fault):
    fleet, load = broken()
    for name in fleet.workers():
        fleet.supervisor.stop(name)
        fleet.overrides[name] = {"AWS_SECRET_ACCESS_KEY": "rotated"}
        fleet.start_role(name)
    load.publish(load.make(200))
    fault("a worker with keys that the store refuses", len(fleet.workers()))
    wait_for(lambda: "object store" in fleet.ready(fleet.workers()[0]), 15, "the worker to say what is missing")
    time.sleep(3)
    assert fleet.query("SELECT count(*) FROM outcomes")[0][0] == 0
    for name in fleet.workers():
        del fleet.overrides[name]
        fleet.supervisor.stop(name)
        fleet.start_role(name)
    audit(fleet, load)
    assert fleet.query("SELECT DISTINCT attempts FROM outcomes") == [(1,)]


def test_an_object_store_that_is_away_under_load_costs_no_event_more_than_the_tries_of_its_first_second(broken, times, fault):
    fleet, load = broken()
    load.publish(load.make(100))
    audit(fleet, load)
    fleet.stack.seaweed.stop()
    load.publish(load.make(times(1000, 300)))
    fault("an object store that is away under load")
    wait_for(lambda: "object store" in fleet.ready(fleet.workers()[0]), 30, "the worker to say what is missing")
    time.sleep(times(60, 5))
    assert fleet.query("SELECT count(*) FROM outcomes")[0][0] == 100
    fleet.stack.seaweed.start()
    audit(fleet, load)
    assert fleet.query("SELECT kind, max(attempts) FROM outcomes WHERE kind = 'failure' GROUP BY kind") == []
    assert fleet.query("SELECT max(attempts) FROM outcomes")[0][0] <= 3
