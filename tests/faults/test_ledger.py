"""What happens to Postgres."""

import time

import pytest

from tests.conftest import wait_for
from tests.faults.oracle import audit
from tests.faults.proxy import Proxy


@pytest.mark.whole
@pytest.mark.timeout(600)
def test_nothing_is_lost_when_postgres_is_stopped_in_the_middle_of_commits(broken, times, fault):
    fleet, load = broken()
    stops = times(10, 2)
    sending = load.stream(stops * 400, 120)
    for _ in range(stops):
        time.sleep(2)
        fleet.stack.postgres.stop("immediate")
        fleet.stack.postgres.start()
        fault("immediate stop of Postgres")
    sending.join(120)
    audit(fleet, load)
    assert set(fleet.role_names()) <= set(fleet.supervisor.alive())


@pytest.mark.timeout(600)
def test_workers_wait_for_postgres_and_no_event_pays_for_it(broken, times, fault):
    fleet, load = broken()
    away_s = times(120, 12)
    sending = load.stream(int(away_s + 8) * 20, 20)
    time.sleep(3)
    fleet.stack.postgres.stop("fast")
    wait_for(lambda: all("ledger" in fleet.ready(name) for name in fleet.workers()), 20, "workers to be unready")
    time.sleep(away_s)
    assert set(fleet.role_names()) <= set(fleet.supervisor.alive())
    fleet.stack.postgres.start()
    fault("Postgres away under load")
    fleet.await_ready(timeout_s=60)
    sending.join(120)
    audit(fleet, load)
    assert fleet.query("SELECT count(*) FROM outcomes WHERE kind = 'failure'") == [(0,)]
    assert fleet.query("SELECT max(attempts) FROM events WHERE losses = 0") == [(1,)]


@pytest.mark.whole
@pytest.mark.timeout(300)
@pytest.mark.parametrize("cut", ["ledger", "broker"])
def test_a_worker_that_reaches_only_one_of_broker_and_ledger_waits_for_the_other(broken, fault, cut):
    fleet, load = broken()
    target = fleet.stack.postgres if cut == "ledger" else fleet.stack.valkey
    with Proxy(target.port) as proxy:
        name = fleet.workers()[0]
        fleet.supervisor.stop(name)
        url = {"ledger": "DATABASE_URL", "broker": "WORK_QUEUE_URL"}[cut]
        own = fleet.environment("worker")
        through = own.get(url, own["QUEUE_URL"]).replace(f":{target.port}", f":{proxy.port}")
        fleet.overrides[name] = {url: through}
        fleet.start_role(name)
        fleet.await_ready(name)
        sending = load.stream(1500, 100)
        time.sleep(2)
        proxy.cut()
        fault(f"one worker cut off from the {cut}")
        wait_for(lambda: fleet.ready(name), 40, "the worker to be unready")
        time.sleep(3)
        proxy.mend()
        sending.join(60)
        audit(fleet, load)
        fleet.await_ready(name, timeout_s=60)
        assert name in fleet.supervisor.alive()
    assert fleet.query("SELECT count(*) FROM outcomes WHERE kind = 'failure'") == [(0,)]
