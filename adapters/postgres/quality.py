"""How good labels are, in Postgres: the audit sample, gold items, and what reviewers said of the same pictures."""

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from adapters.postgres.connections import Pool, connected
from adapters.postgres.review import await_early_labels, close_labelled
from contracts.categories import CATEGORIES
from contracts.labels import Choice
from contracts.names import AUDIT_SAMPLE

# Chosen by a salted digest of the id, not by a draw: a round that is repeated chooses the same. Rounds overlap by a
# minute, since what was committed late carries an earlier time; not when the share has changed: what was looked at with
# another one would get a second chance, and a probability that was not its own.
_SAMPLE = f"""
WITH span AS (
    SELECT seen_through - CASE WHEN share = %(share)s THEN interval '1 min' ELSE interval '0 s' END AS since,
        least(seen_through + interval '1 hour', now()) AS until, salt
    FROM audit_sampling FOR UPDATE
), chosen AS (
    SELECT p.*, e.sensor_id, e.image_url, e.captured_at, o.decided_at, span.salt,
        (hashtextextended(p.event_id::text, span.salt) & 9223372036854775807) / 9223372036854775808.0 AS place
    FROM span JOIN predictions p ON p.predicted_at > span.since AND p.predicted_at <= span.until
    JOIN outcomes o ON o.event_id = p.event_id AND o.kind = 'prediction'
    JOIN events e ON e.event_id = p.event_id
    WHERE (hashtextextended(p.event_id::text, span.salt) & 9223372036854775807) < %(share)s * 9223372036854775808.0
), sampled AS (
    INSERT INTO review_items (event_id, reason, sensor_id, image_url, captured_at, category, confidence, scores, model_version,
        outlier_score, decided_at, sampling_probability, informativeness, wanted)
    SELECT event_id, '{AUDIT_SAMPLE}', sensor_id, image_url, captured_at, category, confidence,
        jsonb_build_object({", ".join(f"'{category}', {category}" for category in CATEGORIES)}), model_version, outlier_score,
        decided_at, %(share)s, place / %(share)s,
        1 + ((hashtextextended(event_id::text, salt + 1) & 9223372036854775807) < %(second)s * 9223372036854775808.0)::int
    FROM chosen ON CONFLICT (event_id) DO NOTHING RETURNING event_id, wanted
), moved AS (
    UPDATE audit_sampling a SET seen_through = greatest(a.seen_through, span.until), share = %(share)s
    FROM span RETURNING a.seen_through
)
SELECT event_id, wanted FROM sampled
"""  # noqa: S608 - the only insertions are names of this project
_HISTORY = """
SELECT l.label_id, l.event_id, l.choice, l.labelled_at, l.took_ms, r.sensor_id, r.category, r.confidence,
    s.label_id IS NOT NULL AS stands, later.label_id IS NOT NULL AND later.choice IS NULL AS taken_back
FROM labels l LEFT JOIN review_items r USING (event_id) LEFT JOIN standing_labels s USING (label_id)
LEFT JOIN labels later ON later.replaces = l.label_id
WHERE l.account_id = %(account)s AND (r.event_id IS NOT NULL
        OR NOT EXISTS (SELECT FROM failures f WHERE f.event_id = l.event_id AND f.state <> 'redriven'))
    AND (%(before)s::timestamptz IS NULL OR l.labelled_at < %(before)s)
ORDER BY l.labelled_at DESC LIMIT %(limit)s
"""
_OPINIONS = """
SELECT l.event_id, a.name AS reviewer, l.choice FROM standing_labels l JOIN accounts a USING (account_id)
WHERE l.labelled_at > %(since)s AND EXISTS (
    SELECT FROM standing_labels other WHERE other.event_id = l.event_id AND other.account_id <> l.account_id)
"""
_SPEED = """
SELECT a.name AS reviewer, count(*)::int AS labels,
    (percentile_cont(0.5) WITHIN GROUP (ORDER BY l.took_ms) / 1000.0)::float8 AS median_s,
    count(*) FILTER (WHERE l.purpose = 'gold')::int AS gold,
    count(*) FILTER (WHERE l.purpose = 'gold' AND l.choice = l.known)::int AS gold_right
FROM standing_labels l JOIN accounts a USING (account_id)
WHERE l.labelled_at > %(since)s GROUP BY 1 ORDER BY 2 DESC
"""
_AUDIT = """
SELECT category, count(*)::int AS labels, count(*) FILTER (WHERE resolved = category)::int AS right_ones,
    sum(1 / sampling_probability)::float8 AS stands_for,
    coalesce(sum(1 / sampling_probability) FILTER (WHERE resolved = category), 0)::float8 AS right_stands_for
FROM review_items WHERE reason = 'audit_sample' AND state = 'labelled' AND closed_at > %(since)s
    AND resolved IS DISTINCT FROM 'cannot_tell' GROUP BY 1 ORDER BY 1
"""
_SET_GOLD = """
INSERT INTO gold (event_id, choice, set_by) SELECT event_id, %s, %s FROM review_items WHERE event_id = %s AND state = 'labelled'
ON CONFLICT (event_id) DO UPDATE SET choice = excluded.choice, set_by = excluded.set_by, set_at = now() RETURNING event_id
"""


class PostgresQuality:
    """Implements `contracts.review_ports.Quality`. Rows are dicts, for people and JSON."""

    def __init__(self, pool: Pool, *, second_opinion_share: float) -> None:
        """Work on connections of `pool`; this share of the audit sample, in [0, 1], is shown to two people."""
        self._pool = pool
        self._second_opinion_share = second_opinion_share

    def sample(self, share: float) -> int:
        """Put this share of the confident predictions since the last call up for review; return how many.

        A call looks at an hour of predictions at most; the next one goes on from there.
        """
        with connected(self._pool) as connection, connection.transaction():
            if share <= 0:
                connection.execute("UPDATE audit_sampling SET seen_through = now()")
                return 0
            await_early_labels(connection)
            wanted = dict(connection.execute(_SAMPLE, {"share": share, "second": self._second_opinion_share}).fetchall())
            close_labelled(connection, wanted)
        return len(wanted)

    def set_gold(self, event_id: UUID, choice: Choice, account_id: UUID) -> bool:
        """Keep a closed item as one whose answer is known; False if there is no such item."""
        with connected(self._pool) as connection:
            return connection.execute(_SET_GOLD, (choice, account_id, event_id)).fetchone() is not None

    def retire_gold(self, event_id: UUID) -> bool:
        """Show a gold item to nobody any more."""
        with connected(self._pool) as connection:
            return connection.execute("DELETE FROM gold WHERE event_id = %s", (event_id,)).rowcount == 1

    def history(self, account_id: UUID, limit: int, before: datetime | None = None) -> list[dict[str, Any]]:
        """Return what a person said, the latest first."""
        return self._rows(_HISTORY, {"account": account_id, "limit": limit, "before": before})

    def opinions(self, since: datetime) -> list[dict[str, Any]]:
        """Return the standing labels of pictures on which at least two people spoke."""
        return self._rows(_OPINIONS, {"since": since})

    def reviewers(self, since: datetime) -> list[dict[str, Any]]:
        """Return each reviewer's number of labels, their median seconds, and how many gold items were answered rightly."""
        return self._rows(_SPEED, {"since": since})

    def audit(self, since: datetime) -> list[dict[str, Any]]:
        """Return by predicted category how many audited predictions were right, also weighted by 1 / sampling probability."""
        return self._rows(_AUDIT, {"since": since})

    def _rows(self, query: str, values: dict[str, object]) -> list[dict[str, Any]]:
        with connected(self._pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, values).fetchall()
