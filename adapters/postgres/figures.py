"""Figures of the fleet's state out of Postgres, each by an index: however large the ledger is, they cost milliseconds."""

from datetime import datetime
from typing import Any, LiteralString, TypeVar

from psycopg.rows import class_row

from adapters.postgres.connections import Pool, connected
from contracts.figures import LossCheck, OpenEvents, ReviewWork, SensorCounts

T = TypeVar("T")
_OPEN = """
SELECT count(*) FILTER (WHERE lease_owner IS NULL AND available_at <= now())::int AS waiting,
    count(*) FILTER (WHERE lease_owner IS NOT NULL)::int AS in_flight,
    count(*) FILTER (WHERE lease_owner IS NULL AND available_at > now())::int AS later,
    count(*) FILTER (WHERE greatest(received_at, available_at) < now() - interval '1 hour')::int AS overdue,
    extract(epoch FROM now() - min(received_at)
        FILTER (WHERE lease_owner IS NOT NULL OR available_at <= now()))::float8 AS oldest_s,
    extract(epoch FROM now() - min(woken_at) FILTER (WHERE lease_owner IS NULL AND available_at <= now()
        AND woken_at >= available_at))::float8 AS woken_s
FROM events WHERE open
"""
# A question for each event and no join, for which all outcomes there ever were would be read.
_LOSSES = """
SELECT count(*)::int AS checked,
    count(*) FILTER (WHERE NOT e.open AND (SELECT o.event_id FROM outcomes o WHERE o.event_id = e.event_id) IS NULL)::int AS lost
FROM events e WHERE e.received_at >= %(since)s AND e.received_at < %(until)s
"""
_REVIEW = """
SELECT i.open, i.oldest_s, f.failures_open, f.failures_oldest_s, i.filed, i.closed, l.labels, l.work_s, l.gold, l.gold_right FROM
    (SELECT (SELECT count(*) FROM review_items WHERE state = 'open')::int AS open,
        (SELECT extract(epoch FROM now() - min(decided_at)) FROM review_items WHERE state = 'open')::float8 AS oldest_s,
        (SELECT count(*) FROM review_items WHERE filed_at > now() - interval '1 day')::int AS filed,
        (SELECT count(*) FROM review_items WHERE state = 'labelled' AND closed_at > now() - interval '1 day')::int AS closed) i,
    (SELECT count(*)::int AS failures_open, extract(epoch FROM now() - min(decided_at))::float8 AS failures_oldest_s
        FROM failures WHERE state = 'open') f,
    (SELECT count(*)::int AS labels, coalesce(sum(least(took_ms, 300000)) / 1000.0, 0)::float8 AS work_s,
        count(*) FILTER (WHERE purpose = 'gold')::int AS gold,
        count(*) FILTER (WHERE purpose = 'gold' AND choice = known)::int AS gold_right
        FROM standing_labels WHERE labelled_at > now() - interval '1 day') l
"""
_SENSORS = """
SELECT count(*)::int AS known,
    count(*) FILTER (WHERE last_contact_at IS NULL OR last_contact_at < now() - make_interval(secs => %(silent_s)s))::int AS silent,
    (SELECT count(DISTINCT subject) FROM alerts WHERE kind = 'sensor_faulty' AND resolved_at IS NULL)::int AS faulty,
    count(*) FILTER (WHERE NOT isempty(missing))::int AS losing
FROM sensors s FULL JOIN devices d ON d.sensor_id = s.sensor_id
"""
_MONTHS_AHEAD = r"""
SELECT greatest(0, extract(epoch FROM max(to_date(right(c.relname, 7), 'YYYY_MM')::timestamp + interval '1 month')
    AT TIME ZONE 'UTC' - now()))::float8
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'outcomes'::regclass AND c.relname ~ '^outcomes_\d{4}_(0[1-9]|1[0-2])$'
"""


class PostgresFigures:
    """Implements `contracts.figures.LedgerFigures`; for logins with the role waste_reader."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def open_events(self) -> OpenEvents:
        """Return what has no outcome yet."""
        return self._one(OpenEvents, _OPEN)

    def now(self) -> datetime:
        """Return the ledger's time."""
        found: datetime = self._value("SELECT now()")
        return found

    def losses(self, since: datetime, until: datetime) -> LossCheck:
        """Check the events that were accepted from `since` on and before `until`, both aware."""
        return self._one(LossCheck, _LOSSES, since=since, until=until)

    def review(self) -> ReviewWork:
        """Return what waits for people."""
        return self._one(ReviewWork, _REVIEW)

    def sensors(self, silent_after_s: float) -> SensorCounts:
        """Count sensors."""
        return self._one(SensorCounts, _SENSORS, silent_s=silent_after_s)

    def months_ahead_s(self) -> float:
        """Return the seconds until the last month that has partitions ends; 0 if that is past."""
        return float(self._value(_MONTHS_AHEAD) or 0.0)

    def _one(self, kind: type[T], question: LiteralString, **values: object) -> T:
        with connected(self._pool) as connection, connection.transaction():
            connection.execute("SET TRANSACTION READ ONLY")
            # A new ledger has no statistics, and half of all events would seem open.
            connection.execute("SET LOCAL enable_seqscan = off")
            connection.execute("SET LOCAL max_parallel_workers_per_gather = 0")
            connection.execute("SET LOCAL jit = off")
            with connection.cursor(row_factory=class_row(kind)) as cursor:
                found = cursor.execute(question, values).fetchone()
        assert found is not None  # noqa: S101 - each question has one row
        return found

    def _value(self, question: LiteralString) -> Any:
        with connected(self._pool) as connection:
            row = connection.execute(question).fetchone()
        return row[0] if row else None
