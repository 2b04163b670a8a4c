"""How much waits for people, how fast it comes and goes, and what another threshold would send them, in Postgres."""

from typing import Any

from psycopg.rows import dict_row

from adapters.postgres.connections import Pool, connected

_MOST_ROWS = 200_000
_NOW = """
SELECT
    (SELECT count(*) FROM review_items WHERE state = 'open')::int AS open,
    (SELECT extract(epoch FROM now() - min(decided_at)) FROM review_items WHERE state = 'open')::float8 AS oldest_s,
    (SELECT count(*) FROM review_items WHERE filed_at > now() - interval '1 hour')::int AS filed_last_hour,
    (SELECT count(*) FROM review_items WHERE filed_at > now() - interval '1 day')::int AS filed_last_day,
    (SELECT count(*) FROM review_items WHERE state = 'labelled' AND closed_at > now() - interval '1 hour')::int AS closed_last_hour,
    (SELECT count(*) FROM review_items WHERE state = 'labelled' AND closed_at > now() - interval '1 day')::int AS closed_last_day,
    (SELECT count(*) FROM (SELECT account_id FROM labels WHERE labelled_at > now() - interval '10 min'
        UNION SELECT lease_account FROM review_items WHERE lease_desk IS NOT NULL AND lease_until > now()) w)::int AS reviewers,
    (SELECT count(*) FROM failures WHERE state = 'open')::int AS failures_open,
    (SELECT extract(epoch FROM now() - min(decided_at)) FROM failures WHERE state = 'open')::float8 AS failures_oldest_s
"""
_ROWS = """
SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::float8 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'predictions'::regclass
"""
# TABLESAMPLE: a week of a large city is millions of rows, and a page must not read them.
_CONFIDENCES = """
SELECT least(floor(p.confidence * 100), 99)::int AS percent, count(*)::int AS decisions,
    count(*) FILTER (WHERE o.reason = 'out_of_distribution')::int AS outliers,
    greatest(extract(epoch FROM now() - min(p.predicted_at)), 3600)::float8 AS span_s
FROM predictions p {sampled} LEFT JOIN outcomes o ON o.event_id = p.event_id AND o.kind = 'review'
WHERE p.predicted_at > now() - interval '7 days' GROUP BY 1 ORDER BY 1
"""


class PostgresBacklog:
    """Implements `contracts.review_ports.Backlog`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def now(self) -> dict[str, Any]:
        """Return how many items wait, the age of the oldest in seconds, what came and went, and who is at work."""
        with connected(self._pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(_NOW).fetchone() or {}

    def confidences(self) -> tuple[list[dict[str, Any]], float]:
        """Return the last seven days' decisions by percent of confidence, and of how many of them each counted one stands."""
        with connected(self._pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
            row = connection.execute(_ROWS).fetchone()
            rows = float(row[0]) if row else 0.0
            share = min(1.0, _MOST_ROWS / rows) if rows else 1.0
            sampled = f"TABLESAMPLE SYSTEM ({share * 100:.6f})" if share < 1 else ""
            return cursor.execute(_CONFIDENCES.format(sampled=sampled)).fetchall(), 1 / share
