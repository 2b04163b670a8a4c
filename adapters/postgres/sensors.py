"""What is known of sensors: read for ops, and written when one says that it is there."""

from collections.abc import Sequence

from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb
from psycopg.types.multirange import Multirange

from adapters.postgres.connections import Pool, connected
from contracts.sensors import Contact, KnownSensor

_NOTE = """
INSERT INTO sensors (sensor_id, last_contact_at, next_sequence, report) VALUES (%s, now(), %s, %s)
ON CONFLICT (sensor_id) DO UPDATE SET last_contact_at = now(), next_sequence = excluded.next_sequence, report = excluded.report
"""
_SENSORS = """
SELECT coalesce(s.sensor_id, d.sensor_id) AS sensor_id, coalesce(d.site, '') AS site,
    extract(epoch FROM now() - s.last_contact_at)::float AS silent_s, extract(epoch FROM now() - s.last_event_at)::float AS quiet_s,
    s.last_sequence, s.missing, coalesce(greatest(s.next_sequence - 1 - s.last_sequence, 0), 0) AS tail,
    coalesce(s.given_up, 0) AS given_up, coalesce(s.restarts, 0) AS restarts, s.last_contact_at, coalesce(s.report, '{}') AS report
FROM sensors s FULL JOIN devices d ON d.sensor_id = s.sensor_id
WHERE %(site)s::text IS NULL OR d.site = %(site)s
ORDER BY 1
"""


class PostgresSensors:
    """Implements `contracts.sensors.SensorBook`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def note(self, contact: Contact) -> None:
        """Note that a sensor was heard of."""
        with connected(self._pool) as connection:
            connection.execute(_NOTE, (contact.sensor_id, contact.next_sequence, Jsonb(dict(contact.report))))

    def sensors(self, site: str | None) -> Sequence[KnownSensor]:
        """Return all that were registered or ever heard of, by name."""
        with connected(self._pool) as connection, connection.cursor(row_factory=kwargs_row(_sensor)) as cursor:
            return cursor.execute(_SENSORS, {"site": site}).fetchall()


def _sensor(missing: Multirange[int] | None, **values: object) -> KnownSensor:
    runs = [(part.lower or 0, (part.upper or 0) - 1) for part in missing or ()]
    return KnownSensor(missing=runs, **values)  # type: ignore[arg-type]
