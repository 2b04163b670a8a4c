"""What sensors' pictures are and were like, in Postgres: whole days are summed up once, the last hours at each look."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from adapters.postgres.connections import Pool, connected, patient
from contracts.categories import CATEGORIES
from contracts.pictures import BRIM_BYTES, SensorDay

_FACTS = "pictures, brightness, sharpness, entropy, confidence, categories, brim"
# An id holds its time, so that a day is found by the primary key; a day more on either side is for clocks that are wrong.
_SUM = f"""
SELECT e.sensor_id, count(*)::int,
    percentile_cont(0.25) WITHIN GROUP (ORDER BY p.brightness), percentile_cont(0.25) WITHIN GROUP (ORDER BY p.sharpness),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY p.entropy), percentile_cont(0.5) WITHIN GROUP (ORDER BY p.confidence),
    ARRAY[{", ".join(f"count(*) FILTER (WHERE p.category = '{one}')::int" for one in CATEGORIES)}],
    ARRAY[{", ".join(f"avg(get_byte(p.brim, {number}))::float4" for number in range(BRIM_BYTES))}]
FROM predictions p JOIN events e USING (event_id)
WHERE p.event_id >= first_event_id(%(since)s - interval '1 day') AND p.event_id < first_event_id(%(until)s + interval '1 day')
    AND e.event_id >= first_event_id(%(since)s - interval '1 day') AND e.event_id < first_event_id(%(until)s + interval '1 day')
    AND e.captured_at >= %(since)s AND e.captured_at < %(until)s AND p.brim IS NOT NULL
GROUP BY e.sensor_id
"""  # noqa: S608 - the only insertions are constants
_SUM_UP = f"""
INSERT INTO sensor_days (sensor_id, {_FACTS}, day) SELECT s.*, %(day)s FROM ({_SUM}) s
ON CONFLICT (sensor_id, day) DO UPDATE
SET ({_FACTS}) = (SELECT {", ".join(f"excluded.{name}" for name in _FACTS.split(", "))})
"""  # noqa: S608 - as above
_SUMMED = "SELECT DISTINCT day FROM sensor_days WHERE day >= %s AND day < %s"
# Of a sensor that has a ticket, the days before it. What somebody accepted begins a new usual.
_USUAL = f"""
SELECT d.sensor_id, {_FACTS} FROM sensor_days d
LEFT JOIN (SELECT sensor_id, min(since) AS since FROM suspect_periods WHERE until IS NULL GROUP BY 1) o USING (sensor_id)
WHERE d.day < (coalesce(o.since, %(since)s))::date AND d.day >= (coalesce(o.since, %(since)s))::date - %(reach)s
    AND NOT EXISTS (SELECT FROM suspect_periods s
        WHERE s.sensor_id = d.sensor_id AND s.since < d.day + 1 AND (s.until IS NULL OR s.until >= d.day))
    AND NOT EXISTS (SELECT FROM alerts a WHERE a.kind = 'sensor_faulty' AND a.subject = d.sensor_id
        AND a.evidence->'resolved' ? 'accepted_by' AND a.resolved_at >= d.day)
ORDER BY d.sensor_id, d.day
"""  # noqa: S608 - as above
_LATE_DAYS = 2
"""The last whole days are summed up anew at each look: bins without network send late."""


class PostgresPictures:
    """Implements `contracts.pictures.SensorHistory`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def sum_up(self, until: datetime, reach_days: int) -> int:
        """Sum up the complete days (UTC) of the `reach_days` before `until` that are not summed up yet; return how many."""
        last = until.date()
        with connected(self._pool) as connection:
            known = {
                day for (day,) in connection.execute(_SUMMED, (last - timedelta(days=reach_days), last - timedelta(_LATE_DAYS)))
            }
        missing = [day for day in (last - timedelta(days=ago) for ago in range(1, reach_days + 1)) if day not in known]
        for day in missing:
            self._sum_up(day)
        return len(missing)

    def lately(self, since: datetime, until: datetime) -> list[SensorDay]:
        """Return what each sensor's pictures from `since` until `until` were like."""
        return self._days(_SUM, {"since": since, "until": until})

    def usual(self, since: datetime, reach_days: int) -> list[SensorDay]:
        """Return each sensor's days of the `reach_days` before `since`, or before its open ticket, but for days under suspicion."""
        return self._days(_USUAL, {"since": since, "reach": reach_days})

    def _sum_up(self, day: date) -> None:
        values = {"day": day, "since": _midnight(day), "until": _midnight(day + timedelta(days=1))}
        with patient(self._pool) as connection:
            connection.execute(_SUM_UP, values)

    def _days(self, query: str, values: dict[str, Any]) -> list[SensorDay]:
        with patient(self._pool) as connection:
            return [SensorDay(*row) for row in connection.execute(query, values).fetchall()]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
