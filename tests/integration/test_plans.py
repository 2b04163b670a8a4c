"""What a worker asks of the ledger must cost the same behind any backlog: by the primary key, whatever the statistics say."""

import json
from uuid import uuid4

import pytest

from adapters.postgres import worker
from adapters.postgres.connections import open_pool
from adapters.postgres.intake import PostgresIntakeLedger
from local.database import ensure_logins
from tests.makers import accepted, an_event, an_outcome

BACKLOG = 3000


@pytest.fixture
def backlog(stack, database_url, sql, tmp_path):
    urls = ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2])
    pool = open_pool(urls["intake"], name="intake", max_size=1)
    events = [an_event() for _ in range(BACKLOG)]
    PostgresIntakeLedger(pool).accept([accepted(event) for event in events], [])
    pool.close()
    return events


def questions(events):
    ids, owner = [event.event_id for event in events], uuid4()
    return {
        "claim": (worker._CLAIM, {"ids": ids, "owner": owner, "lease_s": 60}),
        "record": (worker._RECORD, [*worker._columns([an_outcome(event) for event in events]), ids]),
        "postpone": (worker._POSTPONE, (ids, [5.0] * len(ids), ["x"] * len(ids), ids, owner)),
        "release": (worker._RELEASE, (ids, owner)),
    }


def rows_read(plan):
    """Return the most rows that a node of the plan has looked at."""
    read = plan.get("Actual Rows", 0) + plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    return max([read * plan.get("Actual Loops", 1), *map(rows_read, plan.get("Plans", []))])


@pytest.mark.parametrize("analyzed", [False, True])
@pytest.mark.parametrize("count", [1, 16])
@pytest.mark.parametrize("name", ["claim", "record", "postpone", "release"])
def test_a_question_reads_its_own_events_and_not_the_backlog(backlog, sql, name, count, analyzed):
    if analyzed:
        sql.execute("ANALYZE events, outcomes")
    query, values = questions(backlog[:count])[name]
    (answer,) = sql.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + query, values).fetchone()
    (plan,) = answer if isinstance(answer, list) else json.loads(answer)
    assert rows_read(plan["Plan"]) <= count * count + 16
