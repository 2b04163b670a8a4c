"""The state of the fleet as the ledger has it: workers, what waits, and rates; in milliseconds, however large the ledger is."""

from typing import Any

from psycopg.rows import class_row, dict_row

from adapters.postgres.connections import HEARTBEAT_SILENCE_S, Pool, connected
from contracts.fleet import FleetStatus, Flow, WorkerState

_OPEN = """
SELECT count(*) FILTER (WHERE lease_owner IS NULL AND available_at <= now()) AS waiting,
    count(*) FILTER (WHERE lease_owner IS NOT NULL) AS in_flight,
    count(*) FILTER (WHERE lease_owner IS NULL AND available_at > now()) AS later,
    extract(epoch FROM now() - min(received_at) FILTER (WHERE lease_owner IS NOT NULL OR available_at <= now()))::float8 AS oldest_s
FROM events WHERE open
"""
_CAME = """
SELECT count(*) FILTER (WHERE received_at > now() - interval '1 min') / 60.0::float8 AS in_1m, count(*) / 300.0::float8 AS in_5m
FROM events WHERE received_at > now() - interval '5 min'
"""
# What a worker decides is a prediction (those that people are to see, too) or a failure; what intake refuses has no attempts.
_WENT = """
SELECT * FROM
    (SELECT count(*) FILTER (WHERE predicted_at > now() - interval '1 min') AS predicted_1m, count(*) AS predicted_5m
        FROM predictions WHERE predicted_at > now() - interval '5 min') p,
    (SELECT count(*) FILTER (WHERE decided_at > now() - interval '1 min') AS failed_1m, count(*) AS failed_5m
        FROM outcomes WHERE kind = 'failure' AND attempts > 0 AND decided_at > now() - interval '5 min') f
"""
_WORKERS = f"""
SELECT owner, host, pid, version, model_version, model_problem, revision, started_at, heartbeat_at,
    extract(epoch FROM now() - started_at)::float8 AS up_s, extract(epoch FROM now() - heartbeat_at)::float8 AS silent_s,
    heartbeat_at > now() - interval '{HEARTBEAT_SILENCE_S} s' AS alive, draining, decided_last_minute, events_per_s::float8
FROM workers ORDER BY host, started_at, owner
"""  # noqa: S608 - a constant of ours


class PostgresFleet:
    """For logins with the role waste_reader or waste_intake."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def status(self) -> FleetStatus:
        """Return the fleet's state, of one moment and without the edge queue; raises LedgerUnavailable."""
        with connected(self._pool) as connection, connection.transaction():
            # By the indexes whatever the statistics say: a new ledger has none, and half of all events would seem open.
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.execute("SET LOCAL enable_seqscan = off")
            # Tens of thousands of rows are counted sooner than helpers are started.
            connection.execute("SET LOCAL max_parallel_workers_per_gather = 0")
            connection.execute("SET LOCAL jit = off")
            with connection.cursor(row_factory=dict_row) as cursor:
                found: dict[str, Any] = {}
                for question in (_OPEN, _CAME, _WENT):
                    found |= cursor.execute(question).fetchone() or {}
            with connection.cursor(row_factory=class_row(WorkerState)) as cursor:
                workers = cursor.execute(_WORKERS).fetchall()
        return FleetStatus(_flow(found), workers, max((worker.revision for worker in workers), default=0))


def _flow(found: dict[str, Any]) -> Flow:
    out_1m = (found["predicted_1m"] + found["failed_1m"]) / 60
    out_5m = (found["predicted_5m"] + found["failed_5m"]) / 300
    rest = (found["oldest_s"], float(found["in_1m"]), float(found["in_5m"]), out_1m, out_5m)
    return Flow(found["waiting"], found["in_flight"], found["later"], *rest)
