"""The ledger's two technologies behind one fixture."""

import time
from datetime import UTC, datetime

import pytest

from adapters.memory.ledger import MemoryLedger
from adapters.memory.surroundings import ManualClock
from adapters.postgres.connections import open_pool
from adapters.postgres.intake import PostgresIntakeLedger
from adapters.postgres.reconciliation import PostgresReconciliation
from adapters.postgres.review import PostgresReviewDesk
from adapters.postgres.worker import PostgresWorkerLedger
from contracts.ledger import WorkerPulse
from local.database import ensure_logins
from tests.makers import accepted, an_event


class Book:
    """The ledger's sides, with time that can be moved."""

    def __init__(self, intake, worker, reconciliation, desk, age):
        self.intake, self.worker, self.reconciliation, self.desk, self.age = intake, worker, reconciliation, desk, age

    def open(self, count=1):
        events = [an_event() for _ in range(count)]
        self.intake.accept([accepted(event) for event in events], [])
        return events

    def beat(self, owner, passed=None):
        self.worker.beat(WorkerPulse(owner, "host", 1, "0", "m1", passed))


@pytest.fixture(params=["memory", "postgres"])
def book(request, tmp_path):
    if request.param == "memory":
        clock = ManualClock(datetime.now(UTC))
        ledger = MemoryLedger(clock)
        yield Book(ledger, ledger, ledger, ledger, clock.advance)
        return
    yield from _postgres_book(request, tmp_path)


def _postgres_book(request, tmp_path):
    url, sql = request.getfixturevalue("database_url"), request.getfixturevalue("sql")
    stack = request.getfixturevalue("stack")
    urls = ensure_logins(stack.postgres, tmp_path, url.rpartition("/")[2])
    pools = {role: open_pool(urls[role], name=role, max_size=3) for role in ("intake", "worker", "review")}
    # The graces count from a start of Postgres; the suite's server may be younger than they are.
    wait_s = 10.5 - float(sql.execute("SELECT extract(epoch FROM now() - pg_postmaster_start_time())").fetchone()[0])
    time.sleep(max(0.0, wait_s))

    def age(seconds):
        """Let time pass by moving all that is noted into the past."""
        columns = ["received_at", "available_at", "woken_at", "lease_until"]
        moved = ", ".join(f"{column} = {column} - make_interval(secs => {seconds})" for column in columns)
        sql.execute(f"UPDATE events SET {moved}")
        sql.execute(f"UPDATE workers SET heartbeat_at = heartbeat_at - make_interval(secs => {seconds})")
        sql.execute(f"UPDATE workers SET passed_woken_at = passed_woken_at - make_interval(secs => {seconds})")
        sql.execute(f"UPDATE outcomes SET decided_at = decided_at - make_interval(secs => {seconds})")

    yield Book(
        PostgresIntakeLedger(pools["intake"]),
        PostgresWorkerLedger(pools["worker"]),
        PostgresReconciliation(pools["intake"]),
        PostgresReviewDesk(pools["review"], second_opinion_share=0.0),
        age,
    )
    for pool in pools.values():
        pool.close()
