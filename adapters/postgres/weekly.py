"""What a weekly report asks of Postgres beside the rollups."""

from datetime import datetime
from typing import Any

from psycopg.rows import dict_row

from adapters.postgres.connections import Pool, patient

_REVIEW = """
SELECT (SELECT count(*)::int FROM review_items WHERE filed_at >= %(since)s AND filed_at < %(until)s) AS filed,
    (SELECT count(*)::int FROM review_items
        WHERE reason = 'audit_sample' AND filed_at >= %(since)s AND filed_at < %(until)s) AS samples,
    (SELECT count(*)::int FROM review_items
        WHERE state = 'labelled' AND closed_at >= %(since)s AND closed_at < %(until)s) AS closed,
    (SELECT count(*)::int FROM review_items WHERE state = 'open') AS open,
    (SELECT extract(epoch FROM now() - min(decided_at))::float8 FROM review_items WHERE state = 'open') AS oldest_s,
    count(*)::int AS labels, count(DISTINCT account_id)::int AS people, coalesce(sum(took_ms), 0)::float8 / 3.6e6 AS hours,
    (percentile_cont(0.5) WITHIN GROUP (ORDER BY took_ms) / 1000.0)::float8 AS median_s,
    count(*) FILTER (WHERE purpose = 'gold')::int AS gold,
    count(*) FILTER (WHERE purpose = 'gold' AND choice = known)::int AS gold_right
FROM standing_labels WHERE labelled_at >= %(since)s AND labelled_at < %(until)s
"""
_OPINIONS = """
SELECT count(*)::int AS pairs, count(*) FILTER (WHERE a.choice = b.choice)::int AS equal
FROM standing_labels a JOIN standing_labels b ON b.event_id = a.event_id AND b.account_id > a.account_id
WHERE a.labelled_at < %(until)s AND b.labelled_at < %(until)s AND greatest(a.labelled_at, b.labelled_at) >= %(since)s
"""
_WORKER_HOURS = """
SELECT version, sum(worker_s) FILTER (WHERE hour >= %(since)s AND hour < %(until)s) / 3600 AS hours, min(hour) AS first_at
FROM worker_hours WHERE hour < %(until)s GROUP BY 1
HAVING count(*) FILTER (WHERE hour >= %(since)s AND hour < %(until)s) > 0 ORDER BY 3
"""
_SILENT = """
SELECT s.sensor_id, coalesce(d.site, '') AS site, s.last_contact_at, count(*) OVER ()::int AS of
FROM sensors s LEFT JOIN devices d USING (sensor_id) WHERE s.last_contact_at < %(since)s ORDER BY s.last_contact_at LIMIT %(limit)s
"""
_MOVES = """
SELECT version, before, after, acted_at, actor, because FROM model_transitions
WHERE acted_at >= %(since)s AND acted_at < %(until)s ORDER BY transition_id
"""
_TRAININGS = """
SELECT asked_at, asked_by, because, state, ended_at, version FROM trainings
WHERE (asked_at >= %(since)s AND asked_at < %(until)s) OR (ended_at >= %(since)s AND ended_at < %(until)s) ORDER BY asked_at
"""
_ALERTS = """
SELECT kind, subject, fired_at, resolved_at, evidence, count(*) OVER ()::int AS of FROM alerts
WHERE (fired_at >= %(since)s AND fired_at < %(until)s) OR (resolved_at >= %(since)s AND resolved_at < %(until)s)
ORDER BY fired_at LIMIT %(limit)s
"""


class PostgresWeekly:
    """Implements `contracts.weekly.Weekly`; for logins with the role waste_reader."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def review(self, since: datetime, until: datetime) -> dict[str, Any]:
        """Return items filed (samples among them) and closed, labels and their hours, people, gold answers and right ones."""
        return self._rows(_REVIEW, since=since, until=until)[0]

    def opinions(self, since: datetime, until: datetime) -> dict[str, Any]:
        """Return of how many pairs of labels of the same picture in that time both say the same."""
        return self._rows(_OPINIONS, since=since, until=until)[0]

    def worker_hours(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
        """Return hours of workers by version of the program, with the first hour in which each was seen at all."""
        return self._rows(_WORKER_HOURS, since=since, until=until)

    def silent(self, since: datetime, limit: int) -> list[dict[str, Any]]:
        """Return sensors that were not heard of since then, the longest silent first."""
        return self._rows(_SILENT, since=since, limit=limit)

    def moves(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
        """Return moves of models in that time, the earliest first."""
        return self._rows(_MOVES, since=since, until=until)

    def trainings(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
        """Return trainings that were asked for or ended in that time, the earliest first."""
        return self._rows(_TRAININGS, since=since, until=until)

    def alerts(self, since: datetime, until: datetime, limit: int) -> tuple[list[dict[str, Any]], int]:
        """Return alerts that opened or closed in that time, the earliest first, and how many there are."""
        rows = self._rows(_ALERTS, since=since, until=until, limit=limit)
        return rows, rows[0]["of"] if rows else 0

    def _rows(self, query: str, **values: object) -> list[dict[str, Any]]:
        with patient(self._pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, values).fetchall()
