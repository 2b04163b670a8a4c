"""Rollups in Postgres: what was received and decided, counted into small tables, each once.

Times are those at which transactions began, and what is committed late carries an earlier one. So a round sets a mark a minute
back, with the number of its own transaction, and the next one counts up to the mark when every transaction up to that number has
ended: then nothing can come any more that is older.
"""

import time
from collections.abc import Sequence
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from adapters.postgres.accuracy import ACTUAL, actual_tables
from adapters.postgres.connections import HEARTBEAT_SILENCE_S, Pool, connected
from contracts.errors import LedgerUnavailable
from contracts.rollups import CONFIDENCE_BINS, LABELS_COUNTED_DAYS, LATENCY_BOUNDS_S

GRACE_S = 60.0
"""Longer than a transaction of the fleet may take until it writes, by its timeouts; then it has a number and is waited for."""
_FIRST_WINDOW_S, _SHORTEST_WINDOW_S, _LONGEST_WINDOW_S = 300.0, 10.0, 86_400.0
"""So much time is counted at once when there is more: it is found out how much takes about a second."""
_QUICK_S, _SLOW_S = 0.3, 2.0
_NOT_LONGER = "interval '15 min'"
"""A transaction that hangs for so long holds up no figures."""
_MINUTES_KEPT = "interval '4 days'"
_STAGES = ("queued_ms", "fetch_ms", "decode_ms", "inference_ms", "record_ms")
_FLOW = ("received", "predictions", "reviews", "failures", "redriven")
_KEYS = "kind, reason, category, model_version"

_STATE = f"""
SELECT seen_through, least(mark_at, seen_through + make_interval(secs => %(window)s)),
    mark_at > seen_through + make_interval(secs => %(window)s),
    coalesce(pg_snapshot_xmin(pg_current_snapshot()) > mark_xid OR mark_at < now() - {_NOT_LONGER}, false),
    mark_at IS NULL
FROM rolling FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - the only insertions are constants of this module
_MARK = """
UPDATE rolling SET mark_at = greatest(now() - make_interval(secs => %(grace)s), seen_through), mark_xid = pg_current_xact_id()
RETURNING mark_at > seen_through + make_interval(secs => %(least)s)
"""
# What nobody looked at for a minute is not known.
_WORKERS = f"""
WITH looked AS (
    UPDATE rolling SET workers_at = now() FROM (SELECT workers_at AS before FROM rolling) r
    RETURNING extract(epoch FROM least(now() - before, interval '1 min'))::float8 AS seconds
)
INSERT INTO worker_hours AS t (hour, version, model_version, worker_s)
SELECT date_trunc('hour', now()), version, model_version, count(*) * looked.seconds
FROM workers, looked WHERE heartbeat_at > now() - interval '{HEARTBEAT_SILENCE_S} s' GROUP BY 2, 3, looked.seconds
ON CONFLICT (hour, version, model_version) DO UPDATE SET worker_s = t.worker_s + excluded.worker_s
"""  # noqa: S608 - as above
_FORGET = f"DELETE FROM flow_minutes WHERE minute < now() - {_MINUTES_KEPT}"  # noqa: S608 - as above


def _histogram(column: str, bins: int) -> str:
    counts = ", ".join(f"coalesce(sum(n) FILTER (WHERE {column} = {place}), 0)::int" for place in range(bins))
    return f"ARRAY[{counts}]"


_CONFIDENCES = _histogram("confident", CONFIDENCE_BINS)
_LATENCIES = _histogram("late", len(LATENCY_BOUNDS_S) + 1)
_NO_STAGES = ", ".join("0" for _ in _STAGES)
_TAKEN_BACK = f"""
SELECT (r.outcome->>'decided_at')::timestamptz AS at, (r.outcome->>'captured_at')::timestamptz AS captured_at,
    r.outcome->>'sensor_id' AS sensor_id, {{kind}} AS kind, r.outcome->>'reason' AS reason, '' AS category, '' AS model_version,
    NULL::float8 AS confidence, {_NO_STAGES}
FROM redriven_outcomes r WHERE r.redriven_at > {{since}}
"""  # noqa: S608 - as above
# By an index. A clock that is set back takes failures back before they happened.
_BACK_SINCE = "%(since)s::timestamptz - interval '1 hour'"
_ADD_KEYED = """
decided = t.decided + excluded.decided, confidence_sum = t.confidence_sum + excluded.confidence_sum,
confidences = add_counts(t.confidences, excluded.confidences), latencies = add_counts(t.latencies, excluded.latencies)
"""
_COUNTED = f"sum(n), coalesce(sum(confidence), 0), {_CONFIDENCES}, {_LATENCIES}"


def _of_kind(kind: str) -> str:
    return f"coalesce(sum(n) FILTER (WHERE kind = '{kind}'), 0)"


def _within(column: str) -> str:
    return f"{column} > %(since)s AND {column} <= %(until)s"


# A failure that was taken back before it was counted has left `outcomes`: it is found where it went.
_COUNT = f"""
WITH found AS (
    SELECT p.predicted_at AS at, o.captured_at, o.sensor_id, o.kind, coalesce(o.reason, '') AS reason, p.category, p.model_version,
        p.confidence::float8 AS confidence, {", ".join(_STAGES)}
    FROM predictions p JOIN outcomes o ON o.event_id = p.event_id AND o.kind <> 'failure' WHERE {_within("p.predicted_at")}
    UNION ALL
    SELECT o.decided_at, o.captured_at, o.sensor_id, o.kind, o.reason, '', '', NULL, {_NO_STAGES}
    FROM outcomes o WHERE o.kind = 'failure' AND {_within("o.decided_at")}
    UNION ALL
    {_TAKEN_BACK.format(kind="'failure'", since=_BACK_SINCE)} AND {_within("(r.outcome->>'decided_at')::timestamptz")}
    UNION ALL
    {_TAKEN_BACK.format(kind="'redriven'", since="%(since)s")} AND r.redriven_at <= %(until)s
), dated AS (
    SELECT *, (coalesce(captured_at, at) AT TIME ZONE 'UTC')::date AS day,
        CASE WHEN confidence >= 1 THEN {CONFIDENCE_BINS - 1} ELSE floor(confidence * {CONFIDENCE_BINS}) END::int AS confident,
        CASE WHEN kind <> 'redriven'
            THEN width_bucket(extract(epoch FROM at - captured_at)::float8, %(bounds)s::float8[]) END AS late
    FROM found
), cells AS (
    SELECT date_trunc('minute', at) AS minute, day, {_KEYS}, confident, late, count(*) AS n, sum(confidence) AS confidence,
        {", ".join(f"sum({stage}) AS {stage}" for stage in _STAGES)}
    FROM dated GROUP BY 1, 2, {_KEYS}, confident, late
), went AS (
    SELECT minute, {_of_kind("prediction")} AS predictions, {_of_kind("review")} AS reviews, {_of_kind("failure")} AS failures,
        {_of_kind("redriven")} AS redriven, {", ".join(f"sum({stage}) AS {stage}" for stage in _STAGES)}, {_LATENCIES} AS latencies
    FROM cells GROUP BY 1
), came AS (
    SELECT date_trunc('minute', received_at) AS minute, count(*) AS received FROM (
        SELECT received_at FROM events WHERE {_within("received_at")}
        UNION ALL SELECT received_at FROM redriven_outcomes
        WHERE redriven_at > {_BACK_SINCE} AND {_within("received_at")}) e GROUP BY 1
), minutes AS (
    INSERT INTO flow_minutes AS t (minute, {", ".join((*_FLOW, *_STAGES))}, latencies)
    SELECT minute, {", ".join(f"coalesce({one}, 0)" for one in (*_FLOW, *_STAGES))},
        coalesce(latencies, array_fill(0, ARRAY[{len(LATENCY_BOUNDS_S) + 1}]))
    FROM went FULL JOIN came USING (minute)
    ON CONFLICT (minute) DO UPDATE SET {", ".join(f"{one} = t.{one} + excluded.{one}" for one in (*_FLOW, *_STAGES))},
        latencies = add_counts(t.latencies, excluded.latencies)
), hours AS (
    INSERT INTO decision_hours AS t (hour, {_KEYS}, decided, confidence_sum, confidences, latencies)
    SELECT date_trunc('hour', minute), {_KEYS}, {_COUNTED} FROM cells GROUP BY 1, {_KEYS}
    ON CONFLICT (hour, {_KEYS}) DO UPDATE SET {_ADD_KEYED}
), days AS (
    INSERT INTO decision_days AS t (day, {_KEYS}, decided, confidence_sum, confidences, latencies)
    SELECT day, {_KEYS}, {_COUNTED} FROM cells GROUP BY 1, {_KEYS}
    ON CONFLICT (day, {_KEYS}) DO UPDATE SET {_ADD_KEYED}
), sensors AS (
    INSERT INTO sensor_counts AS t (sensor_id, day, decided, reviews, failures, redriven, confidence_sum, last_at)
    SELECT sensor_id, day, count(*) FILTER (WHERE kind IN ('prediction', 'review')), count(*) FILTER (WHERE kind = 'review'),
        count(*) FILTER (WHERE kind = 'failure'), count(*) FILTER (WHERE kind = 'redriven'), coalesce(sum(confidence), 0), max(at)
    FROM dated WHERE sensor_id IS NOT NULL GROUP BY 1, 2
    ON CONFLICT (sensor_id, day) DO UPDATE SET decided = t.decided + excluded.decided, reviews = t.reviews + excluded.reviews,
        failures = t.failures + excluded.failures, redriven = t.redriven + excluded.redriven,
        confidence_sum = t.confidence_sum + excluded.confidence_sum, last_at = greatest(t.last_at, excluded.last_at)
)
UPDATE rolling SET seen_through = %(until)s
"""  # noqa: S608 - as above

_LABEL_DAYS = f"""
WITH next AS (
    UPDATE rolling SET labels_day = CASE WHEN labels_day - 1 > current_date - {LABELS_COUNTED_DAYS} AND labels_day <= current_date
        THEN labels_day - 1 ELSE current_date END
    WHERE only_row IN (SELECT only_row FROM rolling FOR UPDATE SKIP LOCKED) RETURNING labels_day
)
SELECT labels_day FROM next
UNION SELECT current_date - back FROM next, generate_series(0, 1) AS back
UNION SELECT (captured_at AT TIME ZONE 'UTC')::date FROM next, review_items
    WHERE state = 'labelled' AND closed_at > now() - interval '5 min' AND captured_at > current_date - {LABELS_COUNTED_DAYS - 1}
ORDER BY 1
"""  # noqa: S608 - as above
# By ids, which hold their time; a day more on either side is for clocks that are wrong.
_IDS = """event_id >= first_event_id(%(day)s::timestamp AT TIME ZONE 'UTC' - interval '1 day')
    AND event_id < first_event_id(%(day)s::timestamp AT TIME ZONE 'UTC' + interval '2 days')"""
_COUNT_LABELS = f"""
WITH told AS (
    SELECT event_id FROM review_items WHERE state = 'labelled' AND resolved = ANY(%(categories)s) AND {_IDS}
    UNION SELECT event_id FROM ground_truth WHERE match = 'matched' AND {_IDS}
), known AS (
    SELECT o.kind, coalesce(o.reason, '') AS reason, p.category, p.model_version, count({ACTUAL}) AS labelled,
        count(*) FILTER (WHERE {ACTUAL} = p.category) AS right_ones
    FROM told JOIN predictions p USING (event_id) JOIN outcomes o USING (event_id) {actual_tables(_IDS)}
    WHERE (o.captured_at AT TIME ZONE 'UTC')::date = %(day)s GROUP BY 1, 2, 3, 4
)
UPDATE decision_days d SET labelled = n.labelled, right_ones = n.right_ones
FROM (SELECT {_KEYS}, coalesce(k.labelled, 0) AS labelled, coalesce(k.right_ones, 0) AS right_ones
    FROM decision_days LEFT JOIN known k USING ({_KEYS}) WHERE day = %(day)s) n
WHERE d.day = %(day)s AND (d.kind, d.reason, d.category, d.model_version) = (n.kind, n.reason, n.category, n.model_version)
    AND (d.labelled, d.right_ones) <> (n.labelled, n.right_ones)
"""  # noqa: S608 - as above


class PostgresRollups:
    """Implements `contracts.rollups.Rollups`; one works at a time, and another that comes meanwhile finds nothing to do."""

    def __init__(self, pool: Pool, categories: Sequence[str], *, grace_s: float = GRACE_S) -> None:
        """Work on connections of `pool`, and count labels that name one of `categories`."""
        self._pool, self._categories, self._grace_s = pool, list(categories), grace_s
        self._window_s = _FIRST_WINDOW_S

    def roll(self) -> bool:
        """Count up to the mark if it is settled, and set the next one; returns whether more could be counted now."""
        begun = time.monotonic()
        try:
            more = self._roll()
        except LedgerUnavailable:
            self._window_s = max(_SHORTEST_WINDOW_S, self._window_s / 4)  # it may have been too much for the time it had
            raise
        took_s = time.monotonic() - begun
        factor = 2.0 if more and took_s < _QUICK_S else 0.5 if took_s > _SLOW_S else 1.0
        self._window_s = min(max(_SHORTEST_WINDOW_S, self._window_s * factor), _LONGEST_WINDOW_S)
        return more

    def _roll(self) -> bool:
        with connected(self._pool) as connection, connection.transaction():
            found = connection.execute(_STATE, {"window": self._window_s}).fetchone()
            if found is None:
                return False
            since, until, behind, settled, unmarked = found
            if unmarked:
                self._mark(connection)
                return True
            if not settled:
                return False
            if until > since:
                _count(connection, since, until)
            return behind or self._mark(connection)

    def _mark(self, connection: Connection[TupleRow]) -> bool:
        connection.execute(_FORGET)
        connection.execute(_WORKERS)
        row = connection.execute(_MARK, {"grace": self._grace_s, "least": _FIRST_WINDOW_S}).fetchone()
        return bool(row and row[0])

    def count_labels(self) -> int:
        """Count labels of today, yesterday, days with new ones, and one more of those that are gone through."""
        with connected(self._pool) as connection, connection.transaction():
            _by_index(connection)
            days = [day for (day,) in connection.execute(_LABEL_DAYS)]
            for day in days:
                connection.execute(_COUNT_LABELS, {"day": day, "categories": self._categories})
        return len(days)


def _count(connection: Connection[TupleRow], since: datetime, until: datetime) -> None:
    _by_index(connection)
    connection.execute(_COUNT, {"since": since, "until": until, "bounds": list(LATENCY_BOUNDS_S)})


def _by_index(connection: Connection[TupleRow]) -> None:
    # By the indexes whatever the statistics say, and without helpers: a few minutes are a small part of any ledger.
    connection.execute("SET LOCAL statement_timeout = '2min'")
    connection.execute("SET LOCAL enable_seqscan = off")
    connection.execute("SET LOCAL max_parallel_workers_per_gather = 0")
    connection.execute("SET LOCAL jit = off")
