"""The ledger as a worker writes it: two round trips a wake-up, one to claim and one to record."""

from collections.abc import Collection, Sequence
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from adapters.postgres.connections import HEARTBEAT_SILENCE_S, MARK_PUBLISHED, RESTART_GRACE_S, Pool, connected
from contracts.categories import CATEGORIES
from contracts.ledger import ClaimedItem, WorkerPulse
from contracts.outcomes import Outcome

SILENT_HOLDER = f"""
    pg_postmaster_start_time() < now() - interval '{RESTART_GRACE_S} s' AND NOT EXISTS (
        SELECT FROM workers w WHERE w.owner = e.lease_owner AND w.heartbeat_at > now() - interval '{HEARTBEAT_SILENCE_S} s')
"""

# By the primary key, whatever the statistics say: written as plain conditions, the planner reads the partial index of all
# that is open and due, and a claim costs the more the longer the backlog is.
_STILL_OPEN = "CASE WHEN e.open THEN true END"
_OPEN_AND_DUE = "CASE WHEN e.open THEN e.available_at <= now() END"

# SKIP LOCKED: whoever holds the row is claiming or closing it right now, and two wake-ups with the same ids in another
# order would otherwise wait for each other.
_CLAIM = f"""
WITH free AS (
    SELECT e.event_id, e.lease_owner FROM events e
    WHERE e.event_id = ANY(%(ids)s) AND {_OPEN_AND_DUE}
        AND (e.lease_owner IS NULL OR e.lease_until < now() OR ({SILENT_HOLDER}))
    ORDER BY e.event_id FOR UPDATE OF e SKIP LOCKED
)
UPDATE events e
SET attempts = e.attempts + 1, losses = e.losses + (free.lease_owner IS NOT NULL)::int,
    lease_owner = %(owner)s, lease_until = now() + make_interval(secs => %(lease_s)s)
FROM free WHERE e.event_id = free.event_id AND e.event_id = ANY(%(ids)s)
RETURNING e.event_id, e.sensor_id, e.image_url, e.captured_at,
    extract(epoch FROM now() - e.received_at)::float8 AS age_s, e.woken_at, e.attempts, e.losses,
    greatest(0, extract(epoch FROM now() - e.captured_at) * 1000)::float8 AS queued_ms
"""  # noqa: S608 - the only insertion is a constant of this module

_RECORD = f"""
WITH input AS (
    SELECT * FROM unnest(
        %s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::smallint[], %s::jsonb[], %s::text[],
        %s::text[], %s::real[], {", ".join(["%s::real[]"] * 14)}, %s::bytea[], %s::bytea[]
    ) AS i (event_id, kind, sensor_id, captured_at, reason, detail, attempts, dead_letter, model_version, category, confidence,
            {", ".join(CATEGORIES)}, queued_ms, fetch_ms, decode_ms, inference_ms, record_ms, outlier_score,
            brightness, sharpness, entropy, brim, sketch)
), written AS (
    INSERT INTO outcomes (event_id, kind, sensor_id, captured_at, reason, detail, attempts, dead_letter)
    SELECT event_id, kind, sensor_id, captured_at, reason, detail, attempts, dead_letter FROM input ORDER BY event_id
    ON CONFLICT (event_id) DO NOTHING
    RETURNING event_id
), scored AS (
    INSERT INTO predictions (event_id, model_version, category, confidence, {", ".join(CATEGORIES)},
        queued_ms, fetch_ms, decode_ms, inference_ms, record_ms, outlier_score, processing_time_ms,
        brightness, sharpness, entropy, brim, sketch)
    SELECT event_id, model_version, category, confidence, {", ".join(CATEGORIES)},
        queued_ms, fetch_ms, decode_ms, inference_ms, record_ms, outlier_score, fetch_ms + decode_ms + inference_ms,
        brightness, sharpness, entropy, brim, sketch
    FROM input JOIN written USING (event_id) WHERE model_version IS NOT NULL
), closed AS (
    UPDATE events e SET open = false, lease_owner = NULL, lease_until = NULL WHERE event_id = ANY(%s) AND {_STILL_OPEN}
)
SELECT event_id FROM written
"""  # noqa: S608 - the only insertions are the category names

_POSTPONE = f"""
UPDATE events e SET available_at = now() + make_interval(secs => i.delay_s), lease_owner = NULL, lease_until = NULL,
    last_reason = i.reason
FROM unnest(%s::uuid[], %s::float8[], %s::text[]) AS i (event_id, delay_s, reason)
WHERE e.event_id = i.event_id AND e.event_id = ANY(%s) AND e.lease_owner = %s AND {_STILL_OPEN}
"""  # noqa: S608 - as above

_RELEASE = f"""
UPDATE events e SET available_at = greatest(clock_timestamp(), woken_at + interval '1 ms'), attempts = attempts - 1,
    lease_owner = NULL, lease_until = NULL
WHERE event_id = ANY(%s) AND lease_owner = %s AND {_STILL_OPEN}
"""  # noqa: S608 - as above

_BEAT = """
INSERT INTO workers (owner, host, pid, version, model_version, passed_woken_at, draining, revision, model_problem,
    decided_last_minute, events_per_s)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (owner) DO UPDATE SET heartbeat_at = now(), model_version = excluded.model_version, draining = excluded.draining,
    revision = excluded.revision, model_problem = excluded.model_problem,
    decided_last_minute = excluded.decided_last_minute, events_per_s = excluded.events_per_s,
    passed_woken_at = greatest(workers.passed_woken_at, excluded.passed_woken_at)
RETURNING (SELECT s.revision FROM serving s)
"""


class PostgresWorkerLedger:
    """Implements `contracts.ports.WorkerLedger`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def claim(self, event_ids: Sequence[UUID], owner: UUID, lease_s: float) -> list[ClaimedItem]:
        """Lease those of the events that are open, due and free."""
        with connected(self._pool) as connection, connection.cursor(row_factory=class_row(ClaimedItem)) as cursor:
            cursor.execute(_CLAIM, {"ids": list(event_ids), "owner": owner, "lease_s": lease_s})
            return cursor.fetchall()

    def record(self, outcomes: Sequence[Outcome], owner: UUID) -> list[UUID]:  # noqa: ARG002 - the primary key decides
        """Write outcomes and close their events; return the ids whose outcome this call wrote."""
        with connected(self._pool) as connection:
            rows = connection.execute(_RECORD, [*_columns(outcomes), [outcome.event_id for outcome in outcomes]])
            return [event_id for (event_id,) in rows]

    def postpone(self, delays_s: dict[UUID, float], owner: UUID, reasons: dict[UUID, str]) -> None:
        """Give leases back, each to be tried again after its delay."""
        ids = list(delays_s)
        with connected(self._pool) as connection:
            connection.execute(_POSTPONE, (ids, list(delays_s.values()), [reasons[event_id] for event_id in ids], ids, owner))

    def release(self, event_ids: Collection[UUID], owner: UUID) -> None:
        """Give leases back as if the events had never been claimed."""
        with connected(self._pool) as connection:
            connection.execute(_RELEASE, (list(event_ids), owner))

    def mark_published(self, event_ids: Collection[UUID]) -> None:
        """Note that dead letters are on their queue."""
        with connected(self._pool) as connection:
            connection.execute(MARK_PUBLISHED, (list(event_ids),))

    def beat(self, pulse: WorkerPulse) -> int:
        """Renew the heartbeat that keeps this worker's leases; return the revision of what is to be served."""
        who = (pulse.owner, pulse.host, pulse.pid, pulse.version, pulse.model_version)
        state = (pulse.passed_woken_at, pulse.draining, pulse.revision, pulse.model_problem[:500])
        values = (*who, *state, pulse.decided_last_minute, pulse.events_per_s)
        with connected(self._pool) as connection:
            row = connection.execute(_BEAT, values).fetchone()
        return int(row[0]) if row else 0

    def leave(self, owner: UUID) -> None:
        """Take the heartbeat away: what this worker still holds is free."""
        with connected(self._pool) as connection:
            connection.execute("DELETE FROM workers WHERE owner = %s", (owner,))


def _columns(outcomes: Sequence[Outcome]) -> list[list[object]]:
    return [list(column) for column in zip(*map(_row, outcomes), strict=True)]


def _row(outcome: Outcome) -> tuple[object, ...]:
    letter, prediction, latencies = outcome.dead_letter, outcome.prediction, outcome.latencies
    head = (
        outcome.event_id,
        outcome.kind.value,
        outcome.sensor_id,
        outcome.captured_at,
        outcome.reason,
        outcome.detail,
        outcome.attempts,
        Jsonb(letter.model_dump(mode="json", exclude_none=True)) if letter else None,
    )
    if prediction is None or latencies is None:
        return (*head, *([None] * (3 + len(CATEGORIES) + 11)))
    stages = (latencies.queued_ms, latencies.fetch_ms, latencies.decode_ms, latencies.inference_ms, latencies.record_ms)
    guess = (prediction.model_version, prediction.category.value, prediction.confidence, *prediction.scores)
    picture = outcome.picture
    seen = (picture.brightness, picture.sharpness, picture.entropy, picture.brim) if picture else (None,) * 4
    return (*head, *guess, *stages, prediction.outlier_score, *seen, prediction.sketch)
