"""Looking through both lanes in Postgres: lists, one item with all that is known of it, and counts."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from adapters.postgres.connections import Pool, connected
from contracts.review import Filter, Lane

_TABLES = {Lane.REVIEW: "review_items", Lane.FAILURES: "failures"}
_SENSORS = {Lane.REVIEW: "sensor_id", Lane.FAILURES: "coalesce(sensor_id, claimed->>'sensor_id')"}
"""Lane -> the sensor that sent it, or claims to have sent it."""
_TIMES = {Lane.REVIEW: "captured_at", Lane.FAILURES: "decided_at"}
_COLUMNS = {
    Lane.REVIEW: "category, confidence, model_version, resolved, closed_at, lease_until > now() AS leased",
    Lane.FAILURES: "detail, attempts, rounds, closed_at, closed_by, close_reason",
}
_SEARCHED = {
    Lane.REVIEW: ("event_id::text", "sensor_id", "reason", "image_url"),
    Lane.FAILURES: ("event_id::text", "coalesce(sensor_id, claimed->>'sensor_id')", "reason", "detail",
                    "coalesce(image_url, claimed->>'image_url')", "claimed->>'event_id'"),
}  # fmt: skip
_GROUPS = """
SELECT reason, {sensor} AS sensor_id, grouping({sensor}) = 1 AS whole, count(*)::int AS items, max(decided_at) AS last_at,
    min(detail) AS example
FROM failures WHERE {where} GROUP BY GROUPING SETS ((reason), (reason, {sensor}))
ORDER BY max(count(*)) OVER (PARTITION BY reason) DESC, reason, whole DESC, items DESC LIMIT %(limit)s
"""
_HOURS = """
SELECT reason, date_bin(%(width)s, decided_at, 'epoch') AS begins_at, count(*)::int AS items
FROM failures WHERE {where} GROUP BY 1, 2 ORDER BY 2
"""
_RETRYING = """
SELECT coalesce(last_reason, 'redriven') AS reason, count(*)::int AS items, min(available_at) AS next_at
FROM events WHERE open AND available_at > now() GROUP BY 1 ORDER BY 2 DESC
"""
_NEIGHBOURS = """
SELECT e.event_id, e.captured_at, e.image_url, o.kind, o.reason, p.category, p.confidence, r.resolved
FROM ((SELECT * FROM events WHERE sensor_id = %(sensor)s AND captured_at <= %(at)s AND event_id <> %(event)s
        ORDER BY captured_at DESC LIMIT %(each)s)
    UNION ALL
    (SELECT * FROM events WHERE sensor_id = %(sensor)s AND captured_at > %(at)s ORDER BY captured_at LIMIT %(each)s)) e
LEFT JOIN outcomes o USING (event_id) LEFT JOIN predictions p USING (event_id) LEFT JOIN review_items r USING (event_id)
ORDER BY e.captured_at
"""


class PostgresBrowser:
    """Implements `contracts.review_ports.Browser`. Rows are dicts, for people and JSON."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def page(self, wanted: Filter, limit: int, after: tuple[datetime, UUID] | None = None) -> list[dict[str, Any]]:
        """Return items of a lane, the oldest first, from beyond `after` (decided_at and id of the last one seen)."""
        lane = wanted.lane
        where, values = where_of(wanted)
        if after:
            where += " AND (decided_at, event_id) > (%(after_at)s, %(after_id)s)"
            values |= {"after_at": after[0], "after_id": after[1]}
        query = (
            f"SELECT event_id, reason, {_SENSORS[lane]} AS sensor_id, image_url, captured_at, decided_at, state, {_COLUMNS[lane]}"  # noqa: S608
            f" FROM {_TABLES[lane]} WHERE {where} ORDER BY decided_at, event_id LIMIT %(limit)s"
        )
        return self._rows(query, values | {"limit": limit})

    def find(self, event_id: UUID, lane: Lane | None = None) -> dict[str, Any] | None:
        """Return an item's own row, of one lane or from whichever lane holds it open, else from the one that did."""
        found = []
        for own, table in _TABLES.items():
            query = f"SELECT * FROM {table} WHERE event_id = %(id)s"  # noqa: S608
            found += [{"lane": own.value} | row for row in self._rows(query, {"id": event_id}) if lane in {None, own}]
        if not found and lane is None:
            # A refused message has an id of its own; its sender knows the one that it claimed.
            query = "SELECT * FROM failures WHERE claimed->>'event_id' = %(id)s ORDER BY decided_at LIMIT 1"
            found = [{"lane": Lane.FAILURES.value} | row for row in self._rows(query, {"id": str(event_id)})]
        if not found:
            return None
        return min(found, key=lambda row: row["state"] != "open")

    def show(self, event_id: UUID, lane: Lane | None = None) -> dict[str, Any] | None:
        """Return everything known of an item: its row, with `labels` and `timeline`; of one lane, or as `find` chooses."""
        item = self.find(event_id, lane)
        return item and item | {"labels": self._labels(item["event_id"]), "timeline": self.timeline(item["event_id"])}

    def timeline(self, event_id: UUID) -> list[dict[str, Any]]:
        """Return what happened to an event, in order: rows of `at`, `what` and `detail`."""
        query = """
            SELECT captured_at AS at, 'captured' AS what, 'sensor ' || sensor_id AS detail FROM events WHERE event_id = %(id)s
            UNION ALL SELECT received_at, 'accepted', 'attempts ' || attempts || ', losses ' || losses
                FROM events WHERE event_id = %(id)s
            UNION ALL SELECT decided_at, kind, coalesce(reason, '') FROM outcomes WHERE event_id = %(id)s
            UNION ALL SELECT filed_at, 'failed', reason || ' ' || left(detail, 300) FROM failure_rounds WHERE event_id = %(id)s
            UNION ALL SELECT redriven_at, 'redriven', 'by ' || redriven_by FROM redriven_outcomes WHERE event_id = %(id)s
            UNION ALL SELECT filed_at, 'filed for review', reason FROM review_items WHERE event_id = %(id)s
            UNION ALL SELECT labelled_at, 'labelled', coalesce(choice, 'taken back') || ' by ' || a.name
                FROM labels JOIN accounts a USING (account_id) WHERE event_id = %(id)s
            UNION ALL SELECT acted_at, action, 'by ' || actor FROM actions WHERE target = %(id)s::text
            ORDER BY 1
        """
        return self._rows(query, {"id": event_id})

    def neighbours(self, sensor_id: str, at: datetime, event_id: UUID, each: int = 3) -> list[dict[str, Any]]:
        """Return what the same sensor photographed just before and after."""
        return self._rows(_NEIGHBOURS, {"sensor": sensor_id, "at": at, "event": event_id, "each": each})

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many open items each lane holds, by reason."""
        counted = {}
        for lane, table in _TABLES.items():
            query = f"SELECT reason, count(*)::int AS items FROM {table} WHERE state = 'open' GROUP BY reason ORDER BY 2 DESC"  # noqa: S608
            counted[lane.value] = {row["reason"]: row["items"] for row in self._rows(query, {})}
        return counted

    def retrying(self) -> list[dict[str, Any]]:
        """Return what is tried again later, and is in no lane yet: rows of `reason`, `items` and `next_at`."""
        return self._rows(_RETRYING, {})

    def count(self, wanted: Filter) -> int:
        """Return how many items a filter means."""
        where, values = where_of(wanted)
        (row,) = self._rows(f"SELECT count(*)::int AS items FROM {_TABLES[wanted.lane]} WHERE {where}", values)  # noqa: S608
        return int(row["items"])

    def failure_groups(self, wanted: Filter, limit: int) -> list[dict[str, Any]]:
        """Return failures by reason, and by reason and sensor, each reason's `whole` row before its sensors'."""
        where, values = where_of(wanted)
        return self._rows(_GROUPS.format(sensor=_SENSORS[Lane.FAILURES], where=where), values | {"limit": limit})

    def failures_in_time(self, wanted: Filter, width: timedelta) -> list[dict[str, Any]]:
        """Return how many failures of each reason fell into each `width` of time."""
        where, values = where_of(wanted)
        return self._rows(_HOURS.format(where=where), values | {"width": width})

    def _labels(self, event_id: UUID) -> list[dict[str, Any]]:
        query = """
            SELECT l.label_id, l.choice, l.purpose, l.origin, l.labelled_at, l.took_ms, l.replaces, a.name AS reviewer,
                l.model_version, l.shown_category, l.shown_confidence
            FROM labels l JOIN accounts a USING (account_id) WHERE l.event_id = %(id)s ORDER BY l.labelled_at
        """
        return self._rows(query, {"id": event_id})

    def _rows(self, query: str, values: Mapping[str, object]) -> list[dict[str, Any]]:
        with connected(self._pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, values).fetchall()


def where_of(wanted: Filter) -> tuple[str, dict[str, Any]]:
    """Return the condition of a filter and its values; it holds no text from outside."""
    lane = wanted.lane
    tests: Sequence[tuple[str, str, object]] = (
        ("state = %(state)s", "state", wanted.state),
        ("reason = %(reason)s", "reason", wanted.reason),
        (f"{_SENSORS[lane]} = %(sensor)s", "sensor", wanted.sensor_id),
        (f"{_TIMES[lane]} >= %(since)s", "since", wanted.since),
        (f"{_TIMES[lane]} < %(until)s", "until", wanted.until),
    )
    if lane is Lane.REVIEW:
        tests = (
            *tests,
            ("category = %(category)s", "category", wanted.category),
            ("resolved = %(answer)s", "answer", wanted.answer),
        )
    conditions = [condition for condition, _, value in tests if value is not None]
    values: dict[str, Any] = {name: value for _, name, value in tests if value is not None}
    if wanted.text:
        values["text"] = "%" + wanted.text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
        conditions.append("(" + " OR ".join(f"{column} ILIKE %(text)s" for column in _SEARCHED[lane]) + ")")
    return " AND ".join(conditions) or "true", values
