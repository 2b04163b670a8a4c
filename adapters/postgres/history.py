"""What rollups say, in Postgres."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from adapters.postgres.connections import Pool, connected
from contracts.history import Decided, FlowPoint, Grain, SensorCount
from contracts.rollups import CONFIDENCE_BINS, LATENCY_BOUNDS_S

_STAGES = ("queued", "fetch", "decode", "inference", "record")
_LATENCY_BINS = len(LATENCY_BOUNDS_S) + 1
_PLACES = {Grain.HOUR: ("decision_hours", "hour"), Grain.DAY: ("decision_days", "day")}


def _each_of(counts: str, bins: int) -> str:
    # Place by place in one pass: unnest makes a row of each place first, which takes three times as long.
    return f"ARRAY[{', '.join(f'coalesce(sum({counts}[{place + 1}]), 0)::int' for place in range(bins))}]"


_AT = "date_bin(make_interval(secs => %(step)s), minute, %(since)s)"
_FLOW = f"""
SELECT {_AT}, sum(received)::int, sum(predictions)::int, sum(reviews)::int, sum(failures - redriven)::int,
    {", ".join(f"sum({stage}_ms)" for stage in _STAGES)}, {_each_of("latencies", _LATENCY_BINS)}
FROM flow_minutes WHERE minute >= %(since)s AND minute < %(until)s GROUP BY 1 ORDER BY 1
"""  # noqa: S608 - the only insertions are constants of this module
_BY_MINUTE = """
SELECT minute, predictions + reviews + failures FROM flow_minutes
WHERE minute >= %(since)s AND minute < %(until)s AND predictions + reviews + failures > 0 ORDER BY minute DESC
"""
# A failure that was taken back stands twice: as a failure, and as one that was redriven.
_SIGN = "CASE kind WHEN 'redriven' THEN -1 ELSE 1 END"
_KIND = "CASE kind WHEN 'redriven' THEN 'failure' ELSE kind END"
_DECIDED = f"""
SELECT {{at}}, {_KIND}, reason, {{category}}, {{model}}, sum(decided * {_SIGN})::int, sum(confidence_sum), {{labels}}
FROM {{table}} WHERE {{at}} >= %(since)s AND {{at}} < %(until)s GROUP BY 1, 2, 3, 4, 5
HAVING sum(decided * {_SIGN}) > 0 ORDER BY 1, 2, 3, 4, 5
"""  # noqa: S608 - as above
_LABELS = {Grain.HOUR: "0, 0", Grain.DAY: "sum(labelled)::int, sum(right_ones)::int"}
_CONFIDENCES = f"""
SELECT day, category, {_each_of("confidences", CONFIDENCE_BINS)} FROM decision_days
WHERE day >= %(since)s AND day < %(until)s GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - as above
_LATENCIES = f"""
SELECT {{at}}, {_each_of("latencies", _LATENCY_BINS)} FROM {{table}}
WHERE {{at}} >= %(since)s AND {{at}} < %(until)s GROUP BY 1 ORDER BY 1
"""  # noqa: S608 - as above
_OF_SENSORS = """
SELECT sensor_id, day, decided, reviews, failures - redriven, confidence_sum, last_at
FROM sensor_counts WHERE sensor_id = ANY(%(sensors)s) AND day >= %(since)s ORDER BY day, sensor_id
"""


class PostgresHistory:
    """Implements `contracts.history.History`; for logins with the role waste_review or waste_reader."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def through(self) -> datetime:
        """Return up to when everything is counted."""
        ((through,),) = self._rows("SELECT seen_through FROM rolling", {})
        return through  # type: ignore[no-any-return]

    def flow(self, since: datetime, until: datetime, step_s: float) -> list[FlowPoint]:
        """Return what came and went by parts of `step_s` seconds, the earliest first."""
        return [_point(row) for row in self._rows(_FLOW, {"since": since, "until": until, "step": step_s})]

    def by_minute(self, since: datetime, until: datetime) -> list[tuple[datetime, int]]:
        """Return how many events ended in each minute, the latest first, without those in which none did."""
        return self._rows(_BY_MINUTE, {"since": since, "until": until})

    def decided(
        self, since: datetime, until: datetime, grain: Grain, *, by_model: bool = False, by_category: bool = True
    ) -> list[Decided]:
        """Return outcomes of the parts of time that begin from `since` on and before `until`, the earliest first."""
        table, at = _PLACES[grain]
        model, category = "model_version" if by_model else "''", "category" if by_category else "''"
        query = _DECIDED.format(table=table, at=at, model=model, category=category, labels=_LABELS[grain])
        return [Decided(_moment(row[0]), *row[1:]) for row in self._rows(query, {"since": since, "until": until})]

    def confidences(self, since: datetime, until: datetime) -> dict[date, dict[str, list[int]]]:
        """Return predictions and reviews by day, category and twentieth of confidence."""
        found: dict[date, dict[str, list[int]]] = defaultdict(dict)
        for day, category, counts in self._rows(_CONFIDENCES, {"since": since, "until": until}):
            if any(counts):
                found[day][category] = counts
        return found

    def latencies(self, since: datetime, until: datetime, grain: Grain) -> dict[datetime, list[int]]:
        """Return outcomes by part of time and bin of the time from capture to outcome."""
        table, at = _PLACES[grain]
        rows = self._rows(_LATENCIES.format(table=table, at=at), {"since": since, "until": until})
        return {_moment(moment): counts for moment, counts in rows if any(counts)}

    def of_sensors(self, sensor_ids: Sequence[str], since: date) -> list[SensorCount]:
        """Return what each of them sent by day from `since` on, the earliest day first."""
        return [SensorCount(*row) for row in self._rows(_OF_SENSORS, {"sensors": list(sensor_ids), "since": since})]

    def _rows(self, query: str, values: dict[str, object]) -> list[Any]:
        with connected(self._pool) as connection:
            return connection.execute(query, values).fetchall()


def _point(row: Any) -> FlowPoint:
    at, received, predictions, reviews, failures, *stages, latencies = row
    return FlowPoint(at, received, predictions, reviews, failures, latencies, dict(zip(_STAGES, stages, strict=True)))


def _moment(at: date) -> datetime:
    return at if isinstance(at, datetime) else datetime.combine(at, time(), UTC)
