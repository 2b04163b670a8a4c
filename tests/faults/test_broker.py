"""What happens to the queues."""

import time
from pathlib import Path

import pytest
import redis

from tests.conftest import wait_for
from tests.faults.oracle import Watch, audit


def client_of(fleet):
    return redis.Redis.from_url(fleet.stack.valkey.url)


def cut_connections(fleet, *, all_of_them):
    """Cut all connections, or those alone that wait for nothing: an acknowledgement fails while the consumer lives on."""
    client = client_of(fleet)
    if all_of_them:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        return
    mine = client.client_id()
    for other in client.client_list():
        if "b" not in other["flags"] and int(other["id"]) != mine:
            client.execute_command("CLIENT", "KILL", "ID", other["id"])


@pytest.mark.timeout(600)
def test_no_worker_goes_deaf_when_all_connections_are_cut(broken, times, fault):
    fleet, load = broken()
    cuts = times(100, 8)
    sending = load.stream(cuts * 40, 100)
    with Watch(fleet) as watch:
        for number in range(cuts):
            time.sleep(0.4)
            all_of_them = number % 2 == 0
            cut_connections(fleet, all_of_them=all_of_them)
            fault("all connections to the broker cut" if all_of_them else "connections to the broker cut that do not wait")
        sending.join(120)
        audit(fleet, load)
    assert watch.longest_s < 15
    assert set(fleet.role_names()) <= set(fleet.supervisor.alive())


@pytest.mark.whole
@pytest.mark.timeout(600)
def test_nothing_is_lost_when_the_broker_is_killed(broken, times, fault):
    fleet, load = broken()
    kills = times(10, 2)
    sending = load.stream(kills * 300, 100)
    for _ in range(kills):
        time.sleep(1.5)
        fleet.stack.valkey.kill()
        time.sleep(0.5)
        fleet.stack.valkey.start()
        fault("kill -9 of the broker")
    sending.join(120)
    audit(fleet, load)
    assert set(fleet.role_names()) <= set(fleet.supervisor.alive())


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_all_comes_back_through_the_ledger_when_the_broker_forgets_everything(broken, fault):
    fleet, load = broken()
    for name in fleet.workers():
        fleet.supervisor.stop(name)
    load.send(2000)
    wait_for(lambda: fleet.query("SELECT count(*) FROM events")[0][0] == 2000, 60, "the ledger")
    client_of(fleet).flushall()
    fault("FLUSHALL")
    for name in fleet.workers():
        fleet.start_role(name)
    load.send(200)
    audit(fleet, load)


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_a_full_broker_refuses_devices_and_is_emptied_by_the_fleet_alone(broken, fault):
    fleet, load = broken()
    client = client_of(fleet)
    fleet.supervisor.stop("intake")
    client.config_set("maxmemory", client.info("memory")["used_memory"] + 4_000_000)
    sending = load.stream(12_000, 2000)
    wait_for(lambda: load.refusals, 60, "a refusal")
    fault("devices that fill the broker")
    time.sleep(2)
    assert set(fleet.role_names()) - {"intake"} <= set(fleet.supervisor.alive())
    fleet.start_role("intake")
    sending.join(120)
    assert not sending.is_alive()
    audit(fleet, load)
    assert set(fleet.role_names()) <= set(fleet.supervisor.alive())


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_a_broker_without_a_byte_left_ends_no_role_and_leaks_nothing(broken, fault):
    fleet, load = broken()
    client = client_of(fleet)
    load.send(200)
    client.config_set("maxmemory", 1_000_000)
    fault("a broker without memory")
    time.sleep(15)
    assert set(fleet.role_names()) <= set(fleet.supervisor.alive())
    for name in fleet.role_names():
        files = len(list(Path(f"/proc/{fleet.supervisor.pid(name)}/fd").iterdir()))
        assert files < 120, f"{name} has {files} open files"
    client.config_set("maxmemory", 256 * 1024 * 1024)
    load.send(200)
    audit(fleet, load)
