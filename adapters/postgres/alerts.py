"""Alerts in Postgres: one open at a time for each kind and subject."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from psycopg.types.json import Jsonb

from adapters.postgres.connections import Pool, connected
from contracts.alerts import Alert

_ALERT = "alert_id, kind, subject, fired_at, evidence, resolved_at"
# An update of the open one says xmax <> 0.
_FIRE = f"""
INSERT INTO alerts (kind, subject, evidence) VALUES (%s, %s, %s)
ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO UPDATE SET evidence = excluded.evidence RETURNING {_ALERT}, xmax = 0
"""  # noqa: S608 - the only insertion is a constant of this module
_RESOLVE = f"""
UPDATE alerts SET resolved_at = now(), evidence = evidence || %s WHERE kind = %s AND subject = %s AND resolved_at IS NULL
RETURNING {_ALERT}
"""  # noqa: S608 - as above
_STANDING = f"SELECT {_ALERT} FROM alerts WHERE kind = %s AND resolved_at IS NULL ORDER BY fired_at, subject"  # noqa: S608 - as above
_NOT_TOLD = "(told_fired_at IS NULL OR (resolved_at IS NOT NULL AND told_resolved_at IS NULL))"
_UNTOLD = f"""
SELECT {_ALERT} FROM alerts WHERE {_NOT_TOLD} ORDER BY fired_at
"""  # noqa: S608 - the only insertion is a constant of this module
# Ends with its transaction, so with whoever died while telling.
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('alerts.telling'), hashtext(%s))"
# In the state in which it was read: one that has closed meanwhile may have been told as open by another.
_STILL = f"SELECT FROM alerts WHERE alert_id = %s AND (resolved_at IS NULL) = %s AND {_NOT_TOLD}"
_TOLD = """
UPDATE alerts SET told_fired_at = coalesce(told_fired_at, now()),
    told_resolved_at = CASE WHEN %s::timestamptz IS NULL THEN told_resolved_at ELSE now() END
WHERE alert_id = %s
"""
_RECENT = f"SELECT {_ALERT} FROM alerts ORDER BY fired_at DESC LIMIT %s"  # noqa: S608 - as above


class PostgresAlerts:
    """Implements `contracts.alerts.Alerts`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def fire(self, kind: str, subject: str, evidence: Mapping[str, object]) -> Alert | None:
        """Open an alert; None if it is open already, and then its evidence is renewed."""
        (row,) = self._rows(_FIRE, (kind, subject, Jsonb(dict(evidence))))
        return Alert(*row[:6]) if row[6] else None

    def resolve(self, kind: str, subject: str, evidence: Mapping[str, object]) -> Alert | None:
        """Close an alert; None if none is open."""
        rows = self._rows(_RESOLVE, (Jsonb({"resolved": dict(evidence)}), kind, subject))
        return Alert(*rows[0]) if rows else None

    def standing(self, kind: str) -> list[Alert]:
        """Return the open alerts of a kind, the oldest first."""
        return [Alert(*row) for row in self._rows(_STANDING, (kind,))]

    def untold(self) -> list[Alert]:
        """Return alerts whose opening or closing nobody was told of yet."""
        return [Alert(*row) for row in self._rows(_UNTOLD, ())]

    @contextmanager
    def telling(self, alert: Alert) -> Iterator[bool]:
        """Keep all others from telling of an alert within the block; False if another does or has, or its state is another now."""
        with connected(self._pool) as connection, connection.transaction():
            row = connection.execute(_LOCK, (str(alert.alert_id),)).fetchone()
            still = (alert.alert_id, alert.resolved_at is None)
            yield bool(row and row[0]) and connection.execute(_STILL, still).fetchone() is not None

    def told(self, alert: Alert) -> None:
        """Note that people were told of this state of it."""
        with connected(self._pool) as connection:
            connection.execute(_TOLD, (alert.resolved_at, alert.alert_id))

    def recent(self, limit: int) -> list[Alert]:
        """Return the last alerts, the newest first."""
        return [Alert(*row) for row in self._rows(_RECENT, (limit,))]

    def _rows(self, query: str, values: tuple[object, ...]) -> list[Any]:
        with connected(self._pool) as connection:
            return connection.execute(query, values).fetchall()
