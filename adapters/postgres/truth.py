"""What plants say was in the bins, and which events that was, in Postgres."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from adapters.postgres.connections import Pool, connected, patient
from contracts.categories import Category
from contracts.truth import Delivery, GroundTruth, JoinedItem, Oddity, SeenItem, ToldItem, TruthDay, TruthTaken

_ADD = """
INSERT INTO ground_truth (truth_id, sensor_id, observed_at, category, source, claimed, batch, reference)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::uuid[], %s::text[], %s::text[])
ON CONFLICT (truth_id) DO NOTHING RETURNING truth_id
"""
# Of labels with a reference of their own, which alone can come back as something else.
_OTHERS = """
SELECT u.place::int FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::text[], %s::uuid[]) WITH ORDINALITY
    AS u (truth_id, sensor_id, observed_at, category, claimed, place)
JOIN ground_truth g USING (truth_id)
WHERE (g.sensor_id, g.observed_at, g.category) <> (u.sensor_id, u.observed_at, u.category) OR g.claimed IS DISTINCT FROM u.claimed
ORDER BY 1
"""
_NOTE = "INSERT INTO truth_imports (source, name, new, repeated, rejected, problems) VALUES (%s, %s, %s, %s, %s, %s)"
_NOTED = "SELECT DISTINCT name FROM truth_imports WHERE name = ANY(%s)"
_TO_JOIN = """
SELECT sensor_id, source, (observed_at AT TIME ZONE 'UTC')::date FROM ground_truth WHERE match IS NULL
GROUP BY 1, 2, 3 LIMIT %(limit)s
"""
_ALONE = """
SELECT sensor_id, source, (observed_at AT TIME ZONE 'UTC')::date FROM ground_truth
WHERE match <> 'matched' AND joined_at < now() - make_interval(secs => %(again)s) AND received_at > now() - interval '31 days'
GROUP BY 1, 2, 3 LIMIT %(limit)s
"""
_SEEN = """
SELECT e.event_id, extract(epoch FROM e.captured_at)::float8, p.category FROM events e JOIN predictions p USING (event_id)
WHERE e.sensor_id = %s AND e.captured_at >= %s AND e.captured_at < %s
"""
_TOLD = """
SELECT truth_id, extract(epoch FROM observed_at)::float8, claimed FROM ground_truth
WHERE sensor_id = %s AND source = %s AND observed_at >= %s AND observed_at < %s
"""
# First all are let go, so that two labels may change partners; what is as it was is not written.
_LET_GO = """
UPDATE ground_truth g SET match = 'unmatched', event_id = NULL, distance_s = NULL, joined_at = now()
FROM unnest(%(ids)s::uuid[], %(matches)s::text[], %(events)s::uuid[]) AS u (truth_id, match, event_id)
WHERE g.truth_id = u.truth_id AND g.match = 'matched' AND (u.match <> 'matched' OR g.event_id <> u.event_id)
"""
_WRITE = """
UPDATE ground_truth g SET match = u.match, event_id = u.event_id, distance_s = u.distance_s, joined_at = now()
FROM unnest(%(ids)s::uuid[], %(matches)s::text[], %(events)s::uuid[], %(distances)s::real[])
    AS u (truth_id, match, event_id, distance_s)
WHERE g.truth_id = u.truth_id AND (g.match, g.event_id) IS DISTINCT FROM (u.match, u.event_id)
    AND NOT (u.match = 'matched' AND EXISTS (SELECT FROM ground_truth o
        WHERE o.event_id = u.event_id AND o.source = g.source AND o.match = 'matched' AND o.truth_id <> g.truth_id))
"""
_LOOKED = """
UPDATE ground_truth SET match = coalesce(match, 'unmatched'), joined_at = now()
WHERE truth_id = ANY(%s) AND match IS DISTINCT FROM 'matched'
"""


_CONTEST = """
UPDATE review_items r SET state = 'open', resolved = NULL, closed_at = NULL, contested_at = now(), wanted = s.labels + 1
FROM (SELECT event_id, count(*)::int AS labels FROM standing_labels WHERE purpose IN ('review', 'early', 'late') GROUP BY 1) s
WHERE s.event_id = r.event_id AND s.labels < 3 AND r.state = 'labelled' AND r.contested_at IS NULL AND r.resolved <> 'cannot_tell'
    AND EXISTS (SELECT FROM ground_truth g WHERE g.event_id = r.event_id AND g.match = 'matched' AND g.category <> r.resolved)
    AND NOT EXISTS (SELECT FROM gold WHERE gold.event_id = r.event_id)
"""
_CONTRADICTS = """
g.match = 'matched' AND (r.resolved <> g.category OR EXISTS (SELECT FROM ground_truth o
    WHERE o.event_id = g.event_id AND o.match = 'matched' AND o.category <> g.category))
"""
_ODD = """
SELECT g.truth_id, g.source, g.batch, g.reference, g.sensor_id, g.observed_at, g.category, g.event_id, g.distance_s,
    r.resolved AS people
FROM ground_truth g LEFT JOIN review_items r ON r.event_id = g.event_id
WHERE {odd} ORDER BY g.observed_at DESC LIMIT %(limit)s
"""


class PostgresTruth:
    """Implements `contracts.truth.TruthLedger` and `TruthJoins`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def add(self, labels: Sequence[GroundTruth]) -> TruthTaken:
        """Keep labels, each once."""
        ids, sensors = [one.truth_id for one in labels], [one.sensor_id for one in labels]
        moments, categories = [one.observed_at for one in labels], [str(one.category) for one in labels]
        sources, claimed = [one.source for one in labels], [one.event_id for one in labels]
        with connected(self._pool) as connection, connection.transaction():
            new = connection.execute(
                _ADD,
                (
                    ids,
                    sensors,
                    moments,
                    categories,
                    sources,
                    claimed,
                    [one.batch for one in labels],
                    [one.reference for one in labels],
                ),
            ).rowcount
            others = [place - 1 for (place,) in connection.execute(_OTHERS, (ids, sensors, moments, categories, claimed))]
        return TruthTaken(new, len(labels) - new - len(others), others)

    def note(self, delivery: Delivery) -> None:
        """Keep that a delivery came, and what was wrong with it."""
        problems = Jsonb([{"line": one.line, "problem": one.problem} for one in delivery.problems])
        counts = (delivery.new, delivery.repeated, delivery.rejected, problems)
        with connected(self._pool) as connection:
            connection.execute(_NOTE, (delivery.source, delivery.name, *counts))

    def noted(self, names: Collection[str]) -> set[str]:
        """Return those of the names of which a delivery came."""
        with connected(self._pool) as connection:
            return {name for (name,) in connection.execute(_NOTED, (list(names),))}

    def to_join(self, limit: int, again_after_s: float) -> list[TruthDay]:
        """Return days with labels that were not joined yet, then those whose labels found nobody `again_after_s` ago."""
        with patient(self._pool) as connection:
            rows = connection.execute(_TO_JOIN, {"limit": limit}).fetchall()
            if not rows:
                rows = connection.execute(_ALONE, {"limit": limit, "again": again_after_s}).fetchall()
        return [TruthDay(*row) for row in rows]

    def read(self, day: TruthDay, around_s: float) -> tuple[list[SeenItem], list[ToldItem]]:
        """Return what the sensor saw and what the source told, from `around_s` before the day until as long after it."""
        begins = datetime.combine(day.day, time(), UTC)
        window = (begins - timedelta(seconds=around_s), begins + timedelta(days=1, seconds=around_s))
        with connected(self._pool) as connection, connection.transaction():
            seen = connection.execute(_SEEN, (day.sensor_id, *window)).fetchall()
            told = connection.execute(_TOLD, (day.sensor_id, day.source, *window)).fetchall()
        return [SeenItem(event_id, at, Category(category)) for event_id, at, category in seen], [ToldItem(*row) for row in told]

    def contest(self) -> int:
        """Have one more person look at each picture of which a plant says otherwise than people did, once; return how many."""
        with patient(self._pool) as connection:
            return connection.execute(_CONTEST).rowcount

    def odd(self, what: Oddity, limit: int) -> list[Mapping[str, object]]:
        """Return the newest labels that are odd in a way, as rows for people."""
        query = _ODD.format(odd=_CONTRADICTS if what is Oddity.CONTRADICTING else "g.match = %(what)s")
        with patient(self._pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return list(cursor.execute(query, {"what": what.value, "limit": limit}).fetchall())

    def write(self, day: TruthDay, joined: Sequence[JoinedItem]) -> int:
        """Keep what came of that day's labels; return how many changed."""
        values = {
            "ids": [one.truth_id for one in joined],
            "matches": [one.match.value for one in joined],
            "events": [one.event_id for one in joined],
            "distances": [one.distance_s for one in joined],
        }
        with connected(self._pool) as connection, connection.transaction():
            connection.execute(
                "SELECT pg_advisory_xact_lock(hashtext('waste-truth'), hashtext(%s))", (f"{day.sensor_id}\n{day.source}",)
            )
            connection.execute(_LET_GO, values)
            changed = connection.execute(_WRITE, values).rowcount
            connection.execute(_LOOKED, (values["ids"],))
        return changed
