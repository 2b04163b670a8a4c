"""The ledger as intake writes it."""

from collections.abc import Collection, Sequence
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from adapters.postgres.connections import HEARTBEAT_SILENCE_S, MARK_PUBLISHED, Pool, connected
from contracts.events import UNNUMBERED
from contracts.ledger import Acceptance, AcceptedEvent
from contracts.outcomes import Outcome

_LIVE = "SELECT count(*) FROM workers WHERE heartbeat_at > now() - make_interval(secs => %s)"
_OPEN = """
WITH input AS (
    SELECT * FROM unnest(
        %s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::bigint[], %s::smallint[], %s::jsonb[], %s::bytea[]
    ) AS i (event_id, sensor_id, image_url, captured_at, sequence, schema_version, attributes, body_sha256)
), opened AS (
    INSERT INTO events (event_id, sensor_id, image_url, captured_at, sequence, schema_version, attributes, body_sha256)
    SELECT * FROM input ORDER BY event_id
    ON CONFLICT (event_id) DO NOTHING
    RETURNING event_id, sensor_id, captured_at, least(sequence, 9223372036854775806) AS number, attributes->>'via' AS via
), heard AS (
    SELECT sensor_id, max(captured_at) AS captured_at, min(number) FILTER (WHERE via IS DISTINCT FROM %s) AS first,
        max(number) FILTER (WHERE via IS DISTINCT FROM %s) AS last,
        range_agg(int8range(number, number, '[]')) FILTER (WHERE via IS DISTINCT FROM %s) AS numbers
    FROM opened GROUP BY sensor_id ORDER BY sensor_id
), counted AS (
    INSERT INTO sensors AS s (sensor_id, first_sequence, last_sequence, missing, last_captured_at, last_event_at)
    SELECT sensor_id, first, last,
        coalesce(int8multirange(int8range(first, last, '[]')) - numbers, '{}'), captured_at, now()
    FROM heard
    ON CONFLICT (sensor_id) DO UPDATE SET (first_sequence, last_sequence, missing, given_up, restarts) = (
        SELECT coalesce(s.first_sequence, j.first),
            CASE WHEN j.restarted THEN j.last ELSE greatest(s.last_sequence, j.last) END,
            newest_of(j.missing, 200),
            s.given_up + CASE WHEN j.restarted THEN count_of(s.missing) ELSE 0 END
                + count_of(j.missing) - count_of(newest_of(j.missing, 200)),
            s.restarts + j.restarted::integer
        FROM (
            SELECT *, CASE
                WHEN last IS NULL THEN s.missing
                WHEN restarted OR s.last_sequence IS NULL THEN excluded.missing
                WHEN last > s.last_sequence THEN s.missing + int8multirange(int8range(s.last_sequence, last, '(]')) - numbers
                ELSE s.missing - numbers END AS missing
            FROM (
                SELECT *, coalesce(last < s.last_sequence AND NOT numbers && s.missing
                    AND excluded.last_captured_at > s.last_captured_at, false) AS restarted
                FROM (
                    SELECT excluded.first_sequence AS first, excluded.last_sequence AS last,
                        int8multirange(int8range(excluded.first_sequence, excluded.last_sequence, '[]'))
                            - excluded.missing AS numbers
                ) AS told
            ) AS t
        ) AS j
    ), last_captured_at = greatest(s.last_captured_at, excluded.last_captured_at), last_event_at = now(), last_contact_at = now()
)
SELECT event_id FROM opened
"""

_CONFLICT = """
INSERT INTO event_conflicts (event_id, body_sha256, sensor_id, image_url, captured_at)
SELECT i.event_id, i.body_sha256, i.sensor_id, i.image_url, i.captured_at
FROM unnest(%s::uuid[], %s::bytea[], %s::text[], %s::text[], %s::timestamptz[])
    AS i (event_id, body_sha256, sensor_id, image_url, captured_at)
JOIN events e ON e.event_id = i.event_id AND e.event_id = ANY(%s)
WHERE e.body_sha256 <> i.body_sha256
ON CONFLICT (event_id, body_sha256) DO UPDATE SET seen_at = now()
RETURNING event_id
"""

_REFUSE = """
INSERT INTO outcomes (event_id, kind, sensor_id, captured_at, reason, detail, dead_letter)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::jsonb[])
ON CONFLICT (event_id) DO NOTHING
"""


class PostgresIntakeLedger:
    """Implements `contracts.ports.IntakeLedger`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def accept(self, events: Sequence[AcceptedEvent], refusals: Sequence[Outcome]) -> Acceptance:
        """Record the refusals and open the new events; no transaction holds them together, since each may be repeated."""
        first = {item.event.event_id: item for item in reversed(events)}
        with connected(self._pool) as connection:
            if refusals:
                _refuse(connection, refusals)
            new = _open(connection, list(first.values())) if first else set()
            seen = [item for item in events if item.event.event_id not in new or item is not first[item.event.event_id]]
            conflicting = _note_conflicts(connection, seen) if seen else set()
        ids = list(reversed(first))
        return Acceptance(
            [event_id for event_id in ids if event_id in new],
            [event_id for event_id in ids if event_id not in new and event_id not in conflicting],
            [event_id for event_id in ids if event_id in conflicting],
        )

    def revoked(self) -> dict[str, int]:
        """Return the last generation that is refused, of each sensor that has one."""
        with connected(self._pool) as connection:
            return dict(connection.execute("SELECT sensor_id, through FROM refused_generations WHERE through > 0").fetchall())

    def live_workers(self) -> int:
        """Count the workers whose heartbeat is young."""
        with connected(self._pool) as connection:
            row = connection.execute(_LIVE, (HEARTBEAT_SILENCE_S,)).fetchone()
            return int(row[0]) if row else 0

    def mark_published(self, event_ids: Collection[UUID]) -> None:
        """Note that dead letters are on their queue."""
        with connected(self._pool) as connection:
            connection.execute(MARK_PUBLISHED, (list(event_ids),))


def _open(connection: Connection[TupleRow], items: Sequence[AcceptedEvent]) -> set[UUID]:
    events = [item.event for item in items]
    columns = (
        [event.event_id for event in events],
        [event.sensor_id for event in events],
        [event.image_url for event in events],
        [event.captured_at for event in events],
        [event.sequence for event in events],
        [event.schema_version for event in events],
        [Jsonb(dict(event.attributes)) for event in events],
        [item.body_sha256 for item in items],
    )
    return {event_id for (event_id,) in connection.execute(_OPEN, (*columns, UNNUMBERED, UNNUMBERED, UNNUMBERED))}


def _note_conflicts(connection: Connection[TupleRow], items: Sequence[AcceptedEvent]) -> set[UUID]:
    # ON CONFLICT cannot touch a row twice in one statement, and a bin may send the same wrong body several times.
    distinct = {(item.event.event_id, item.body_sha256): item for item in items}.values()
    events = [item.event for item in distinct]
    ids = [event.event_id for event in events]
    columns = (
        ids,
        [item.body_sha256 for item in distinct],
        [event.sensor_id for event in events],
        [event.image_url for event in events],
        [event.captured_at for event in events],
        ids,
    )
    return {event_id for (event_id,) in connection.execute(_CONFLICT, columns)}


def _refuse(connection: Connection[TupleRow], refusals: Sequence[Outcome]) -> None:
    columns = (
        [outcome.event_id for outcome in refusals],
        [outcome.kind.value for outcome in refusals],
        [outcome.sensor_id for outcome in refusals],
        [outcome.captured_at for outcome in refusals],
        [outcome.reason for outcome in refusals],
        [outcome.detail for outcome in refusals],
        [_letter(outcome) for outcome in refusals],
    )
    connection.execute(_REFUSE, columns)


def _letter(outcome: Outcome) -> Jsonb | None:
    letter = outcome.dead_letter
    return Jsonb(letter.model_dump(mode="json", exclude_none=True)) if letter else None
