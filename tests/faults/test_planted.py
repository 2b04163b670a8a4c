"""The suite against itself: with a fault planted it must find something.

The fault of the stock Celery transport is planted in tests/integration/test_celery_transport.py, at the acknowledgement
itself: redis-py now repeats a command on a cut connection, and 120 cuts around a whole worker did not meet the fault.
"""

import time

import pytest

from tests.faults.oracle import find, quiet
from tests.faults.test_processes import asleep


@pytest.fixture(autouse=True)
def asked(request):
    if not request.config.getoption("--planted"):
        pytest.skip("with --planted")


@pytest.mark.timeout(300)
def test_an_intake_that_acknowledges_before_the_commit_is_found(broken):
    fleet, load = broken(plant="acknowledge_before_commit")
    sending = load.stream(4000, 300)
    for _ in range(40):
        time.sleep(0.3)
        fleet.restart("intake")
        if not sending.is_alive():
            break
    sending.join(60)
    quiet(fleet, load, 60)
    assert find(fleet, load).lost


@pytest.mark.timeout(300)
def test_a_ledger_without_its_primary_key_is_found(broken):
    fleet, load = broken(plant="no_primary_key")
    for table in ("outcomes", "predictions"):
        fleet.query(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey CASCADE")
    fleet.query("CREATE INDEX ON outcomes (event_id)")
    sending = load.stream(9000, 200)
    for name in fleet.workers() * 2:
        asleep(fleet, name)
    sending.join(60)
    quiet(fleet, load, 60)
    assert find(fleet, load).doubled
