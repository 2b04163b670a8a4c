"""What was decided, and how much of it is known to be right, in Postgres."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from adapters.postgres.connections import Pool, patient
from contracts.accuracy import DayBucket, Dimension, Embeddings, Histogram, StratumCount
from contracts.pictures import SKETCH_BYTES

# What an event really was: what all plants that tell of it agree on, else what people settled on. Where plants disagree,
# nobody knows.
ACTUAL = """coalesce(t.category,
    CASE WHEN t.event_id IS NULL AND r.state = 'labelled' AND r.resolved = ANY(%(categories)s) THEN r.resolved END)"""


def actual_tables(of: str = "true") -> str:
    """Return the SQL that joins what ACTUAL needs to events; `of` is a condition on the `event_id` of those that are asked for."""
    return f"""LEFT JOIN review_items r USING (event_id)
LEFT JOIN (SELECT event_id, CASE WHEN min(category) = max(category) THEN min(category) END AS category
    FROM ground_truth WHERE match = 'matched' AND {of} GROUP BY event_id) t USING (event_id)"""  # noqa: S608 - constants alone


def _within(*tables: str) -> str:
    # An id holds its time, so that days are found by the primary key, and what is older costs nothing.
    return " AND ".join(f"{table}.event_id >= %(first)s AND {table}.event_id < %(last)s" for table in tables)


_DECIDED = f"""
SELECT e.event_id, e.sensor_id, e.captured_at, o.kind, p.category, p.confidence, p.model_version, {ACTUAL} AS actual
FROM events e JOIN predictions p USING (event_id) JOIN outcomes o USING (event_id) {actual_tables(_within("ground_truth"))}
WHERE {_within("e", "p", "o")} AND e.captured_at >= %(since)s AND e.captured_at < %(until)s {{sensors}}
"""  # noqa: S608 - the only insertions are constants of this module
# What a sick camera sent says nothing of the model.
HEALTHY = """
AND NOT EXISTS (SELECT FROM suspect_periods s
    WHERE s.sensor_id = e.sensor_id AND e.captured_at >= s.since AND (s.until IS NULL OR e.captured_at < s.until))
"""
_OF = {
    Dimension.ALL: "''",
    Dimension.CATEGORY: "d.category",
    Dimension.ACTUAL: "coalesce(d.actual, '')",
    Dimension.SENSOR: "d.sensor_id",
    Dimension.SITE: "coalesce((SELECT v.site FROM devices v WHERE v.sensor_id = d.sensor_id), '')",
    Dimension.MODEL: "d.model_version",
    Dimension.DAY: "to_char(d.captured_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
}
_STRATA = """
SELECT {of} AS value, kind, count(*)::int, sum(confidence)::float8, count(actual)::int,
    count(*) FILTER (WHERE actual = d.category)::int
FROM ({decided}) d GROUP BY 1, 2 ORDER BY 1, 2
"""
_BUCKETS = """
SELECT (captured_at AT TIME ZONE 'UTC')::date, kind, (('x' || left(md5(event_id::text), 7))::bit(28)::int %% 100)::int,
    count(*)::int, count(actual)::int, count(*) FILTER (WHERE actual = d.category)::int
FROM ({decided}) d GROUP BY 1, 2, 3
"""
_BIN = {
    Histogram.CATEGORY: "p.category",
    Histogram.CONFIDENCE: """CASE
        WHEN p.confidence >= 0.9 THEN to_char(floor(least(p.confidence, 0.9999)::numeric * 100) / 100, '0.99')
        ELSE to_char(floor(p.confidence::numeric * 10) / 10, '0.99') END""",
}
_HISTOGRAM = f"""
SELECT {{bin}}, count(*)::int FROM events e JOIN predictions p USING (event_id)
WHERE {_within("e", "p")} AND e.captured_at >= %(since)s AND e.captured_at < %(until)s {{sensors}} GROUP BY 1
"""  # noqa: S608 - the only insertions are constants of this module


def _along(function: str) -> str:
    """Return the SQL for an array of a function of each byte of the sketches."""
    return f"ARRAY[{', '.join(f'{function}(get_byte(p.sketch, {number}))::float8' for number in range(SKETCH_BYTES))}]"


_EMBEDDINGS = f"""
SELECT p.model_version, count(*)::int, {_along("avg")}, {_along("stddev_pop")}
FROM events e JOIN predictions p USING (event_id)
WHERE {_within("e", "p")} AND e.captured_at >= %(since)s AND e.captured_at < %(until)s AND p.sketch IS NOT NULL {HEALTHY} GROUP BY 1
"""  # noqa: S608 - the only insertions are constants of this module
_ASIDE = timedelta(days=1)


class PostgresAccuracy:
    """Implements `contracts.accuracy.Decisions`."""

    def __init__(self, pool: Pool, categories: Sequence[str]) -> None:
        """Count labels that name one of `categories`."""
        self._pool, self._categories = pool, list(categories)

    def strata(self, since: datetime, until: datetime, by: Dimension, *, healthy: bool = False) -> list[StratumCount]:
        """Return the counts of what was photographed from `since` until `until`, by a dimension and by how it was decided."""
        query = _STRATA.format(of=_OF[by], decided=_DECIDED.format(sensors=HEALTHY if healthy else ""))
        return [StratumCount(*row) for row in self._rows(query, since, until)]

    def buckets(self, since: datetime, until: datetime) -> list[DayBucket]:
        """Return the same by day (UTC), kind, and a hundredth that a digest of the event's id falls into."""
        return [DayBucket(*row) for row in self._rows(_BUCKETS.format(decided=_DECIDED.format(sensors=HEALTHY)), since, until)]

    def embeddings(self, since: datetime, until: datetime) -> dict[str, Embeddings]:
        """Return by version of the model what it saw in what was photographed from `since` until `until`."""
        return {version: Embeddings(*told) for version, *told in self._rows(_EMBEDDINGS, since, until)}

    def histogram(self, since: datetime, until: datetime, of: Histogram) -> dict[str, int]:
        """Return how many decisions of what was photographed from `since` until `until` fall into each bin."""
        return dict(self._rows(_HISTOGRAM.format(bin=_BIN[of], sensors=HEALTHY), since, until))

    def _rows(self, query: str, since: datetime, until: datetime) -> list[Any]:
        # A day more on either side is for clocks that are wrong.
        values = {"first": _least_id(since - _ASIDE), "last": _least_id(until + _ASIDE), "since": since, "until": until}
        with patient(self._pool) as connection:
            return connection.execute(query, values | {"categories": self._categories}).fetchall()


def _least_id(moment: datetime) -> UUID:
    # As first_event_id in the database; as a value it tells the planner how much that is.
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)
