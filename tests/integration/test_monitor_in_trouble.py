"""The monitor beside a database that hangs: it raises nothing, and answers nothing."""

import os
import re
import signal
import subprocess
import sys
import time

import httpx2
import pytest

from local.database import ensure_logins
from local.ports import free_port
from tests.conftest import wait_for


@pytest.fixture
def monitor(stack, database_url, redis_url, tmp_path):
    """A monitor that has seen all there is; its process, and what asks it."""
    url = ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2])["reader"]
    port = free_port()
    environment = os.environ | {"DATABASE_URL": url, "QUEUE_URL": redis_url, "HEALTH_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "waste", "monitor"], env=environment)

    def ask(path):
        try:
            return httpx2.get(f"http://127.0.0.1:{port}{path}", timeout=5)
        except httpx2.TransportError:
            return httpx2.Response(599)

    wait_for(lambda: ask("/health/ready").status_code == 200, 20, "the monitor")
    yield process, ask
    process.kill()
    process.wait()


def seen_at(ask, what):
    return float(re.search(rf'waste_monitored_timestamp_seconds{{what="{what}"}} (\S+)', ask("/metrics").text)[1])


def test_a_database_that_hangs_hides_no_queue_and_does_not_keep_the_monitor_from_ending(monitor, sql):
    process, ask = monitor
    ((backend,),) = sql.execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'waste-monitor' AND datname = current_database()"
    ).fetchall()
    os.kill(backend, signal.SIGSTOP)
    try:
        time.sleep(12)  # what is looked at every ten seconds is looked at now, and of the ledger nothing comes
        assert time.time() - seen_at(ask, "open events") > 10
        wait_for(lambda: time.time() - seen_at(ask, "waste-events") < 5, 8, "a look at the queues")
        process.send_signal(signal.SIGTERM)
        assert process.wait(12) == 0
    finally:
        os.kill(backend, signal.SIGCONT)
