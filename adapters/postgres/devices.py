"""The registry of devices."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from adapters.postgres.connections import Pool, connected
from contracts.devices import RegisteredDevice
from contracts.errors import DeviceRefused

_MOST = 9999
_COLUMNS = """
SELECT d.sensor_id, d.site, d.generation, d.added_at, d.note, coalesce(f.through, 0) AS refused_through,
    CASE WHEN r.next_from > now() THEN r.next_from END AS overlap_until
FROM devices d LEFT JOIN revocations r USING (sensor_id) LEFT JOIN refused_generations f USING (sensor_id)
"""
_ADD = """
INSERT INTO devices (sensor_id, site, note, generation)
VALUES (%(sensor)s, %(site)s, %(note)s, 1 + coalesce((SELECT through FROM refused_generations WHERE sensor_id = %(sensor)s), 0))
ON CONFLICT (sensor_id) DO NOTHING RETURNING sensor_id
"""
_ROTATE = "UPDATE devices SET generation = generation + 1 WHERE sensor_id = %s AND generation < %s RETURNING generation"
# What an overlap of before still let in ends here: two generations are taken at most.
_OVERLAP = """
INSERT INTO revocations AS r (sensor_id, revoked_through, next_through, next_from)
VALUES (%(sensor)s, %(older)s, %(before)s, now() + make_interval(secs => %(overlap_s)s))
ON CONFLICT (sensor_id) DO UPDATE SET revoked_through = greatest(r.revoked_through, excluded.revoked_through),
    next_through = excluded.next_through, next_from = excluded.next_from, revoked_at = now()
"""
_REVOKE = """
INSERT INTO revocations AS r (sensor_id, revoked_through, note)
VALUES (%(sensor)s, coalesce(%(through)s, (SELECT generation FROM devices WHERE sensor_id = %(sensor)s), 1), %(note)s)
ON CONFLICT (sensor_id) DO UPDATE SET revoked_through = greatest(r.revoked_through, excluded.revoked_through),
    note = coalesce(nullif(excluded.note, ''), r.note), revoked_at = now()
"""
_HEARD = """
SELECT EXISTS (SELECT FROM devices WHERE sensor_id = %(sensor)s) OR EXISTS (SELECT FROM sensors WHERE sensor_id = %(sensor)s)
    OR EXISTS (SELECT FROM events WHERE sensor_id = %(sensor)s)
"""
_THROUGH = "SELECT through FROM refused_generations WHERE sensor_id = %s"


class PostgresDevices:
    """Implements `contracts.devices.DeviceRegistry`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def add(self, sensor_id: str, site: str, note: str) -> RegisteredDevice:
        """Register a sensor with the first generation that is not refused."""
        with connected(self._pool) as connection, connection.transaction():
            values = {"sensor": sensor_id, "site": site, "note": note}
            new = connection.execute(_ADD, values).fetchone()
            found = _find(connection, sensor_id)
        if new is None:
            raise DeviceRefused(sensor_id, f"was added before, {found.added_at:%Y-%m-%d}; rotate gives it a new credential")
        return found

    def rotate(self, sensor_id: str, overlap_s: float) -> RegisteredDevice:
        """Give the next generation; the one before is refused after `overlap_s`, and older ones at once."""
        with connected(self._pool) as connection, connection.transaction():
            row = connection.execute(_ROTATE, (sensor_id, _MOST)).fetchone()
            if row is None:
                raise DeviceRefused(sensor_id, f"was never added, or has had all {_MOST} generations")
            before = int(row[0]) - 1
            values = {"sensor": sensor_id, "older": before - 1, "before": before, "overlap_s": overlap_s}
            connection.execute(_OVERLAP, values)
            return _find(connection, sensor_id)

    def revoke(self, sensor_id: str, through: int | None, note: str) -> int:
        """Refuse the generations up to `through`, None for all so far; a lower one than before changes nothing.

        An empty note keeps the one that is there.
        """
        with connected(self._pool) as connection, connection.transaction():
            connection.execute(_REVOKE, {"sensor": sensor_id, "through": through, "note": note})
            row = connection.execute(_THROUGH, (sensor_id,)).fetchone()
            return int(row[0]) if row else 0

    def find(self, sensor_id: str) -> RegisteredDevice | None:
        """Return a registered sensor."""
        with connected(self._pool) as connection, _rows(connection) as cursor:
            found: RegisteredDevice | None = cursor.execute(f"{_COLUMNS} WHERE d.sensor_id = %s", (sensor_id,)).fetchone()
            return found

    def heard_of(self, sensor_id: str) -> bool:
        """Return whether a sensor was registered, or ever sent something that was believed."""
        with connected(self._pool) as connection:
            row = connection.execute(_HEARD, {"sensor": sensor_id}).fetchone()
            return bool(row and row[0])

    def devices(self, site: str | None) -> Sequence[RegisteredDevice]:
        """Return the registered sensors by name, of one site or of all."""
        condition = "WHERE %(site)s::text IS NULL OR d.site = %(site)s ORDER BY d.sensor_id"
        with connected(self._pool) as connection, _rows(connection) as cursor:
            rows: list[RegisteredDevice] = cursor.execute(f"{_COLUMNS} {condition}", {"site": site}).fetchall()
            return rows


def _find(connection: Connection[TupleRow], sensor_id: str) -> RegisteredDevice:
    with _rows(connection) as cursor:
        found: RegisteredDevice | None = cursor.execute(f"{_COLUMNS} WHERE d.sensor_id = %s", (sensor_id,)).fetchone()
    if found is None:
        raise DeviceRefused(sensor_id, "was never added")
    return found


def _rows(connection: Connection[TupleRow]) -> Any:
    return connection.cursor(row_factory=class_row(RegisteredDevice))
