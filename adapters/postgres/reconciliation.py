"""The ledger as the reconciler reads it: what is open and will not be woken by anybody else."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from uuid import UUID

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from adapters.postgres.connections import HEARTBEAT_SILENCE_S, MARK_PUBLISHED, RESTART_GRACE_S, Pool, connected
from adapters.postgres.worker import SILENT_HOLDER
from contracts.outcomes import DeadLetter

_LEADER = "SELECT pg_try_advisory_lock(hashtext('waste-reconciler'))"

_WAKE = """
UPDATE events SET woken_at = clock_timestamp() WHERE event_id IN (
    SELECT e.event_id FROM events e WHERE e.open AND e.available_at <= now() AND {condition}
    ORDER BY e.available_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) RETURNING event_id
"""
_DUE = sql.SQL(_WAKE).format(condition=sql.SQL("e.woken_at < e.available_at AND e.lease_owner IS NULL"))
_ABANDONED = sql.SQL(_WAKE).format(
    condition=sql.SQL(
        "e.lease_owner IS NOT NULL AND e.woken_at < now() - interval '5 s' AND (e.lease_until < now() OR ({silent}))"
    ).format(silent=sql.SQL(SILENT_HOLDER))
)
# Wake-ups are taken in the order in which they were sent: one that is older by the grace than the latest that anybody
# claimed is not waiting its turn, it is gone.
_PASSED_OVER = sql.SQL(_WAKE).format(
    condition=sql.SQL("""
        e.woken_at >= e.available_at AND e.lease_owner IS NULL AND e.woken_at < now() - make_interval(secs => %(grace_s)s)
        AND (%(queue_empty)s OR e.woken_at < (SELECT max(passed_woken_at) FROM workers) - make_interval(secs => %(grace_s)s))
    """)
)

_SILENT_WORKERS = f"""
SELECT count(*) FROM workers WHERE heartbeat_at < now() - interval '{HEARTBEAT_SILENCE_S} s'
    AND pg_postmaster_start_time() < now() - interval '{RESTART_GRACE_S} s'
"""  # noqa: S608 - constants of ours
_FORGET_WORKERS = f"""
DELETE FROM workers w WHERE heartbeat_at < now() - interval '{HEARTBEAT_SILENCE_S * 2} s'
    AND NOT EXISTS (SELECT FROM events e WHERE e.open AND e.lease_owner = w.owner)
"""  # noqa: S608 - constants of ours

_UNPUBLISHED = """
SELECT dead_letter FROM outcomes
WHERE dead_letter IS NOT NULL AND published_at IS NULL AND decided_at < now() - make_interval(secs => %s)
ORDER BY decided_at LIMIT %s
"""


class PostgresReconciliation:
    """Implements `contracts.ports.Reconciliation`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`; the leadership keeps one of its own while it lasts."""
        self._pool = pool
        self._leading: Connection[TupleRow] | None = None
        self._scans_left = 0

    @contextmanager
    def lead(self) -> Iterator[bool]:
        """Hold the leadership while the context lasts; it ends with the connection, whatever dies."""
        with connected(self._pool) as connection:
            held = bool(_scalar(connection, _LEADER))
            try:
                yield held
            finally:
                if held and not connection.closed:
                    connection.execute("SELECT pg_advisory_unlock(hashtext('waste-reconciler'))")

    def due(self, limit: int) -> list[UUID]:
        """Mark as woken and return the retries that are due."""
        return self._wake(_DUE, limit=limit)

    def abandoned(self, limit: int) -> list[UUID]:
        """Mark as woken and return events whose lease has ended or whose holder is silent.

        Every open event would have to be read for it, so that happens at once only when a worker has fallen silent,
        and otherwise at every tenth call.
        """
        with connected(self._pool) as connection:
            silent = bool(_scalar(connection, _SILENT_WORKERS))
        self._scans_left -= 1
        if not silent and self._scans_left > 0:
            return []
        self._scans_left = 10
        woken = self._wake(_ABANDONED, limit=limit)
        if silent and not woken:
            with connected(self._pool) as connection:
                connection.execute(_FORGET_WORKERS)
        return woken

    def passed_over(self, limit: int, grace_s: float, *, queue_empty: bool) -> list[UUID]:
        """Mark as woken and return open events whose wake-up must be lost."""
        return self._wake(_PASSED_OVER, limit=limit, grace_s=grace_s, queue_empty=queue_empty)

    def unpublished(self, limit: int, grace_s: float) -> list[DeadLetter]:
        """Return dead letters that were recorded and not published."""
        with connected(self._pool) as connection:
            rows = connection.execute(_UNPUBLISHED, (grace_s, limit)).fetchall()
        return [DeadLetter.model_validate(letter) for (letter,) in rows]

    def mark_published(self, event_ids: Collection[UUID]) -> None:
        """Note that dead letters are on their queue."""
        with connected(self._pool) as connection:
            connection.execute(MARK_PUBLISHED, (list(event_ids),))

    def _wake(self, query: sql.Composed, **values: object) -> list[UUID]:
        with connected(self._pool) as connection:
            return [event_id for (event_id,) in connection.execute(query, values)]


def _scalar(connection: Connection[TupleRow], query: str) -> object:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
