"""What the console looks up in Postgres, each by an index: sensors, events, alerts and models."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from adapters.postgres.connections import HEARTBEAT_SILENCE_S, Pool, connected
from contracts.alerts import SENSOR_FAULTY
from contracts.console import MOST_OF_SENSOR, SILENT_AFTER_S, EventWish, SensorWish, Trouble
from contracts.names import OutcomeKind

_SICK = f"""EXISTS (SELECT FROM alerts a WHERE a.kind = '{SENSOR_FAULTY}' AND a.subject = s.sensor_id AND a.resolved_at IS NULL)"""
_SILENT = f"(s.last_contact_at IS NULL OR s.last_contact_at < now() - interval '{SILENT_AFTER_S} s')"
_TROUBLES = {
    Trouble.SILENT: _SILENT,
    Trouble.QUIET: f"NOT {_SILENT} AND (s.last_event_at IS NULL OR s.last_event_at < now() - interval '{SILENT_AFTER_S} s')",
    Trouble.GAPS: "(s.missing <> '{}' OR s.next_sequence - 1 > s.last_sequence)",
    Trouble.TICKET: _SICK,
}
_HEARD = """
(SELECT s.sensor_id, coalesce(d.site, '') AS site, s.last_contact_at, s.last_event_at, s.missing, s.last_sequence, s.next_sequence,
    s.given_up, s.restarts, s.report, d.added_at, d.generation, d.note
FROM sensors s LEFT JOIN devices d ON d.sensor_id = s.sensor_id) s
"""
# Those that were registered and never heard of are sensors, too.
_UNHEARD = """
(SELECT d.sensor_id, d.site, NULL::timestamptz AS last_contact_at, NULL::timestamptz AS last_event_at,
    NULL::int8multirange AS missing, NULL::bigint AS last_sequence, NULL::bigint AS next_sequence, NULL::bigint AS given_up,
    NULL::integer AS restarts, NULL::jsonb AS report, d.added_at, d.generation, d.note
FROM devices d WHERE NOT EXISTS (SELECT FROM sensors s WHERE s.sensor_id = d.sensor_id)) s
"""


# Each part by an index; one OR over a sensor and its device would read all of both tables.
_NAMED = """s.sensor_id IN (SELECT sensor_id FROM sensors WHERE starts_with(sensor_id, %(text)s)
    UNION SELECT sensor_id FROM devices WHERE starts_with(sensor_id, %(text)s) OR starts_with(site, %(text)s))"""
# Where those that were heard of fill the page, others matter only up to the last of them.
_WITHIN = """s.sensor_id <= (SELECT CASE WHEN count(*) < %(limit)s THEN (SELECT max(sensor_id) FROM devices)
    ELSE max(heard.sensor_id) END FROM heard)"""


def _half(of: str, where: str) -> str:
    return f"(SELECT * FROM {of} WHERE {where} ORDER BY s.sensor_id LIMIT %(limit)s)"  # noqa: S608 - constants of this program


def _sensors_where(where: str) -> str:
    """Return the SQL of sensors by name; each half goes along its primary key and ends when there are enough."""
    heard = f"heard AS MATERIALIZED {_half(_HEARD, where)}"
    both = f"SELECT * FROM heard UNION ALL {_half(_UNHEARD, f'{where} AND {_WITHIN}')}"  # noqa: S608 - as above
    shown = f"{_SENSOR}, s.report, s.added_at, s.generation, s.note"
    return f"WITH {heard} SELECT {shown} FROM ({both}) s ORDER BY s.sensor_id LIMIT %(limit)s"  # noqa: S608 - as above


_SENSOR = f"""
s.sensor_id, s.site, extract(epoch FROM now() - s.last_contact_at)::float8 AS silent_s,
extract(epoch FROM now() - s.last_event_at)::float8 AS quiet_s, s.missing AS runs,
coalesce(count_of(s.missing), 0) + coalesce(greatest(s.next_sequence - 1 - s.last_sequence, 0), 0) AS lost,
coalesce(greatest(s.next_sequence - 1 - s.last_sequence, 0), 0) AS tail, s.last_sequence, coalesce(s.given_up, 0) AS given_up,
coalesce(s.restarts, 0) AS restarts, s.last_contact_at, s.last_event_at,
(SELECT coalesce(a.evidence->>'fault', 'sick') FROM alerts a
    WHERE a.kind = '{SENSOR_FAULTY}' AND a.subject = s.sensor_id AND a.resolved_at IS NULL) AS ticket
"""  # noqa: S608 - the only insertions are constants of this program
_OF_SENSORS = [trouble for trouble in Trouble if trouble is not Trouble.TICKET]
_SUMS = f"""
SELECT heard.sensors + unheard.sensors AS sensors, heard.silent + unheard.sensors AS silent, heard.quiet, heard.gaps,
    (SELECT count(*)::int FROM alerts WHERE kind = '{SENSOR_FAULTY}' AND resolved_at IS NULL) AS ticket
FROM (SELECT count(*)::int AS sensors, {", ".join(f"count(*) FILTER (WHERE {_TROUBLES[of]})::int AS {of}" for of in _OF_SENSORS)}
        FROM sensors s) heard,
    (SELECT count(*)::int AS sensors FROM devices d
        WHERE NOT EXISTS (SELECT FROM sensors s WHERE s.sensor_id = d.sensor_id)) unheard
"""  # noqa: S608 - as above
_TICKETS = f"""
SELECT alert_id, fired_at, resolved_at, evidence FROM alerts WHERE kind = '{SENSOR_FAULTY}' AND subject = %(sensor)s
ORDER BY fired_at DESC LIMIT %(limit)s
"""  # noqa: S608 - as above
_ALERT = "alert_id, kind, subject, fired_at, resolved_at, evidence"
_MODELS = """
SELECT version, state, added_at, added_by, parent, size_bytes, snapshot_id, facts->'threshold' AS threshold
FROM models ORDER BY array_position(ARRAY['champion', 'canary', 'shadow', 'candidate'], state), added_at DESC, version
LIMIT %(limit)s OFFSET %(skip)s
"""
_KNOWN_MODELS = """
SELECT version FROM models WHERE starts_with(version, %(text)s)
UNION SELECT DISTINCT model_version FROM decision_days
WHERE day > current_date - 90 AND model_version <> '' AND starts_with(model_version, %(text)s) ORDER BY 1 LIMIT %(limit)s
"""
_BESIDE = """
SELECT v.version, pairs.paired, pairs.agreeing, pairs.since FROM unnest(%(versions)s::text[]) AS v (version), LATERAL (
    SELECT count(*)::int AS paired, count(*) FILTER (WHERE s.category = p.category)::int AS agreeing, min(s.predicted_at) AS since
    FROM (SELECT event_id, category, predicted_at FROM shadow_predictions WHERE model_version = v.version
        ORDER BY predicted_at DESC LIMIT 2000) s JOIN predictions p USING (event_id)) pairs
"""
_VERSIONS = f"""
SELECT version, model_version, count(*)::int AS workers, count(*) FILTER (WHERE model_problem <> '')::int AS troubled
FROM workers WHERE heartbeat_at > now() - interval '{HEARTBEAT_SILENCE_S} s' GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""  # noqa: S608 - as above
_OUTCOME = """o.kind, o.reason, o.decided_at, p.category, p.confidence, p.model_version"""
_EVENT_TESTS = {
    "kind": "o.kind = %(kind)s",
    "category": "p.category = %(category)s",
    "model_version": "p.model_version = %(model_version)s",
}
# Of a sensor's last events alone: what none of them is would have all of its years looked through.
_OF_SENSOR = f"""
SELECT e.event_id, e.sensor_id, e.captured_at, {_OUTCOME} FROM (SELECT event_id, sensor_id, captured_at FROM events e
    WHERE e.sensor_id = %(sensor_id)s {{times}} ORDER BY e.captured_at DESC LIMIT {MOST_OF_SENSOR}) e
LEFT JOIN outcomes o ON o.event_id = e.event_id LEFT JOIN predictions p ON p.event_id = e.event_id
WHERE {{where}} ORDER BY e.captured_at DESC LIMIT %(limit)s
"""  # noqa: S608 - as above
_DECIDED_OTHERWISE = f"""
SELECT o.event_id, o.sensor_id, o.captured_at, {_OUTCOME}
FROM outcomes o LEFT JOIN predictions p ON p.event_id = o.event_id
WHERE {{where}} ORDER BY o.decided_at DESC LIMIT %(limit)s
"""  # noqa: S608 - as above
_CLASSIFIED = f"""
SELECT o.event_id, o.sensor_id, o.captured_at, {_OUTCOME}
FROM predictions p JOIN outcomes o ON o.event_id = p.event_id
WHERE {{where}} ORDER BY p.predicted_at DESC LIMIT %(limit)s
"""  # noqa: S608 - as above


class PostgresConsole:
    """Implements `contracts.console.ConsoleBook`; for logins with the role waste_review or waste_reader."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def sensors(self, wanted: SensorWish) -> list[dict[str, Any]]:
        """Return sensors by name."""
        tests = [_TROUBLES[wanted.trouble]] if wanted.trouble else []
        tests += [_NAMED] if wanted.text else []
        tests += ["s.sensor_id > %(after)s"] if wanted.after is not None else []
        values = {"text": wanted.text, "after": wanted.after, "limit": wanted.limit}
        return [_with_runs(row) for row in self._rows(_sensors_where(" AND ".join(tests) or "true"), values)]

    def sensor_sums(self) -> dict[str, Any]:
        """Return how many sensors there are, and how many are in each trouble, by its name."""
        return self._rows(_SUMS, {})[0]

    def sensor(self, sensor_id: str) -> dict[str, Any] | None:
        """Return one sensor with its gaps and its last report; None if nobody has heard of it."""
        rows = self._rows(_sensors_where("s.sensor_id = %(sensor)s"), {"sensor": sensor_id, "limit": 1})
        return _with_runs(rows[0]) if rows else None

    def tickets(self, sensor_id: str, limit: int) -> list[dict[str, Any]]:
        """Return the tickets of a sensor's camera, the newest first."""
        return self._rows(_TICKETS, {"sensor": sensor_id, "limit": limit})

    def image_url(self, event_id: UUID) -> str | None:
        """Return where the picture of an event lies; None if there is no such event."""
        rows = self._rows("SELECT image_url FROM events WHERE event_id = %(id)s", {"id": event_id})
        return rows[0]["image_url"] if rows else None

    def events(self, wanted: EventWish) -> list[dict[str, Any]]:
        """Return events, the newest first."""
        values = {
            name: getattr(wanted, name) for name in ("sensor_id", "since", "until", "kind", "category", "model_version", "limit")
        }
        tests = [test for name, test in _EVENT_TESTS.items() if values[name] is not None]
        if wanted.sensor_id is not None:
            query, at = _OF_SENSOR, "e.captured_at"
        elif wanted.kind in {OutcomeKind.REVIEW, OutcomeKind.FAILURE}:
            query, at = _DECIDED_OTHERWISE, "o.decided_at"
        else:
            query, at = _CLASSIFIED, "p.predicted_at"
        times = [f"{at} >= %(since)s"] if wanted.since else []
        times += [f"{at} < %(until)s"] if wanted.until else []
        if query is _OF_SENSOR:
            query = query.format(times="".join(f" AND {one}" for one in times), where=" AND ".join(tests) or "true")
        else:
            query = query.format(where=" AND ".join(tests + times) or "true")
        return self._rows(query, values)

    def open_alerts(self, limit: int) -> tuple[list[dict[str, Any]], int]:
        """Return open alerts, the newest first, and how many there are."""
        query = f"SELECT {_ALERT}, count(*) OVER ()::int AS of FROM alerts WHERE resolved_at IS NULL ORDER BY fired_at DESC LIMIT %(limit)s"  # noqa: S608, E501 - as above
        return _of_all(self._rows(query, {"limit": limit}))

    def past_alerts(self, since: datetime, limit: int) -> list[dict[str, Any]]:
        """Return alerts that opened or closed since then, the newest first."""
        query = f"SELECT {_ALERT} FROM alerts WHERE fired_at >= %(since)s OR resolved_at >= %(since)s ORDER BY fired_at DESC LIMIT %(limit)s"  # noqa: S608, E501 - as above
        return self._rows(query, {"since": since, "limit": limit})

    def models(self, limit: int, skip: int) -> tuple[list[dict[str, Any]], int]:
        """Return models without their long facts, those in force first, then the newest, and how many there are."""
        ((count,),) = (row.values() for row in self._rows("SELECT count(*)::int FROM models", {}))
        return self._rows(_MODELS, {"limit": limit, "skip": skip}), count

    def model(self, version: str) -> dict[str, Any] | None:
        """Return a model with all that is known of it; None if there is none of that name."""
        rows = self._rows("SELECT * FROM models WHERE version = %(version)s", {"version": version})
        return rows[0] if rows else None

    def known_models(self, text: str, limit: int) -> list[str]:
        """Return versions of models that begin with a text, be they in the registry or in the rollups."""
        return [row["version"] for row in self._rows(_KNOWN_MODELS, {"text": text, "limit": limit})]

    def beside(self, versions: Sequence[str]) -> list[dict[str, Any]]:
        """Return how often models on trial agree with the one that decides."""
        return self._rows(_BESIDE, {"versions": list(versions)})

    def versions(self) -> list[dict[str, Any]]:
        """Return how many live workers there are by version of their program and of their model."""
        return self._rows(_VERSIONS, {})

    def _rows(self, query: str, values: Mapping[str, object]) -> list[dict[str, Any]]:
        with connected(self._pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, values).fetchall()


def _of_all(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    return [{name: value for name, value in row.items() if name != "of"} for row in rows], rows[0]["of"] if rows else 0


def _with_runs(row: dict[str, Any]) -> dict[str, Any]:
    # A multirange of numbers: runs of events that never came.
    return row | {"report": row["report"] or {}, "runs": [(part.lower or 0, (part.upper or 0) - 1) for part in row["runs"] or ()]}
