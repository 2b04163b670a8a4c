"""Trainings in Postgres: one waits or runs at a time, by an index; who runs it beats, and is known by the number of its attempt."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from adapters.postgres.connections import Pool, connected
from contracts.trainings import Training, TrainingEnd, TrainingState

_TRAINING = """training_id, asked_at, asked_by, because, state, step, progress, attempts, alert_id, ended_at, snapshot_id, version,
    report"""
_ASK = """
INSERT INTO trainings (asked_by, because, alert_id) VALUES (%s, %s, %s)
ON CONFLICT ((true)) WHERE state IN ('waiting', 'running') DO NOTHING RETURNING training_id
"""
_GIVE_UP = """
UPDATE trainings SET state = 'failed', ended_at = now(),
    report = report || jsonb_build_object('error', 'its runner vanished ' || attempts || ' times')
WHERE state = 'running' AND beat_at < now() - make_interval(secs => %(silent)s) AND attempts >= %(most)s
"""
_TAKE = f"""
UPDATE trainings SET state = 'running', attempts = attempts + 1, started_at = now(), beat_at = now(), step = '', progress = 0
WHERE training_id = (SELECT training_id FROM trainings
    WHERE state = 'waiting' OR (state = 'running' AND beat_at < now() - make_interval(secs => %(silent)s))
    ORDER BY asked_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING {_TRAINING}
"""  # noqa: S608 - the only insertion is a constant of this module
_BEAT = """
UPDATE trainings SET beat_at = now(), step = %s, progress = %s WHERE training_id = %s AND attempts = %s AND state = 'running'
"""
_END = """
UPDATE trainings SET state = %s, report = %s, snapshot_id = %s, version = %s, ended_at = now(), progress = 1
WHERE training_id = %s AND attempts = %s AND state = 'running'
"""
_CANCEL = """
UPDATE trainings SET state = 'cancelled', cancelled_by = %s, ended_at = now() WHERE state IN ('waiting', 'running')
RETURNING training_id
"""
_RECENT = f"SELECT {_TRAINING} FROM trainings ORDER BY asked_at DESC LIMIT %s"  # noqa: S608 - as above


class PostgresTrainings:
    """Implements `contracts.trainings.Trainings`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def ask(self, who: str, because: str, alert_id: UUID | None = None) -> UUID | None:
        """Ask for a training; None if one is waiting or running."""
        rows = self._rows(_ASK, (who, because, alert_id))
        return rows[0][0] if rows else None

    def take(self, silent_s: float, most_attempts: int) -> Training | None:
        """Take the one that waits, or whose runner has been silent for so long; one that was tried too often has failed."""
        values = {"silent": silent_s, "most": most_attempts}
        with connected(self._pool) as connection, connection.transaction():
            connection.execute(_GIVE_UP, values)
            row = connection.execute(_TAKE, values).fetchone()
        return _training(row) if row else None

    def beat(self, training: Training, step: str, progress: float) -> bool:
        """Say how far it is; False if it is to stop: cancelled, or taken by another."""
        with connected(self._pool) as connection:
            values = (step, progress, training.training_id, training.attempts)
            return connection.execute(_BEAT, values).rowcount == 1

    def end(self, training: Training, end: TrainingEnd) -> bool:
        """Note how it ended; False if it had ended already, or is another's."""
        values = (end.state, Jsonb(dict(end.report)), end.snapshot_id, end.version, training.training_id, training.attempts)
        with connected(self._pool) as connection:
            return connection.execute(_END, values).rowcount == 1

    def cancel(self, who: str) -> UUID | None:
        """Cancel the one that waits or runs; None if there is none."""
        rows = self._rows(_CANCEL, (who,))
        return rows[0][0] if rows else None

    def recent(self, limit: int) -> list[Training]:
        """Return the last trainings, the newest first."""
        return [_training(row) for row in self._rows(_RECENT, (limit,))]

    def _rows(self, query: str, values: Any) -> list[Any]:
        with connected(self._pool) as connection:
            return connection.execute(query, values).fetchall()


def _training(row: Any) -> Training:
    values = [*row]
    values[4] = TrainingState(values[4])
    return Training(*values)
