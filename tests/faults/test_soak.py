"""A long run with a random fault a minute: nothing may grow."""

import random
import time
from pathlib import Path

import psutil
import pytest

from tests.faults.oracle import audit
from tests.faults.test_broker import client_of, cut_connections

RATE = 40


@pytest.mark.timeout(0)
def test_a_fleet_neither_grows_nor_leaks_while_it_is_disturbed(broken, request, fault):
    minutes, seed = request.config.getoption("--minutes"), request.config.getoption("--seed")
    if not minutes:
        pytest.skip("with --minutes M")
    print(f"seed {seed}")
    chance = random.Random(seed)
    fleet, load = broken()
    sending = load.stream(int(minutes * 60 * RATE), RATE)
    samples = []
    began = time.monotonic()
    while sending.is_alive():
        disturb(chance.choice(FAULTS), fleet, fault)
        time.sleep(50)
        samples.append(measure(fleet))
        print(f"{time.monotonic() - began:6.0f} s  {samples[-1]}")
        time.sleep(10)
    audit(fleet, load)
    early, late = samples[len(samples) // 4], samples[-1]
    for name in early:
        assert late[name] <= early[name] * 1.25 + 8, f"{name} grew: {early[name]} -> {late[name]}"


def disturb(kind, fleet, fault):
    kind(fleet)
    fault(f"soak: {kind.__name__.replace('_', ' ')}")


def kill_a_worker(fleet):
    fleet.restart(fleet.workers()[0])


def kill_intake(fleet):
    fleet.restart("intake")


def cut_all_connections(fleet):
    cut_connections(fleet, all_of_them=True)


def restart_postgres(fleet):
    fleet.stack.postgres.stop("immediate")
    fleet.stack.postgres.start()


def restart_the_broker(fleet):
    fleet.stack.valkey.kill()
    fleet.stack.valkey.start()


FAULTS = [kill_a_worker, kill_intake, cut_all_connections, restart_postgres, restart_the_broker]


def measure(fleet):
    """Return the memory (MB), the open files and the connections of the roles that were not killed last, as sums."""
    roles = [psutil.Process(fleet.supervisor.pid(name)) for name in fleet.role_names()]
    connections = fleet.query("SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'waste%'")[0][0]
    return {
        "rss_mb": round(sum(role.memory_info().rss for role in roles) / 1e6),
        "files": sum(len(list(Path(f"/proc/{role.pid}/fd").iterdir())) for role in roles),
        "postgres_connections": connections,
        "broker_connections": client_of(fleet).info("clients")["connected_clients"],
    }
