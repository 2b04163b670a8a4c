"""What became of events, as the gateway reads it."""

from collections.abc import Collection
from uuid import UUID

from psycopg.rows import kwargs_row

from adapters.postgres.connections import Pool, connected
from contracts.gateway import EventState
from contracts.names import OutcomeKind

# A value in every comparison, so that the planner goes by each table's primary key and to one month alone.
_STATES = """
SELECT e.event_id, e.sensor_id, e.body_sha256, o.kind, coalesce(p.category, o.dead_letter->>'category') AS category,
    coalesce(p.confidence, (o.dead_letter->>'confidence')::real) AS confidence,
    coalesce(p.model_version, o.dead_letter->>'model_version') AS model_version,
    o.reason, r.resolved, p.processing_time_ms, o.decided_at
FROM events e
LEFT JOIN outcomes o ON o.event_id = e.event_id AND o.event_id = ANY(%(ids)s)
LEFT JOIN predictions p ON p.event_id = e.event_id AND p.event_id = ANY(%(ids)s)
LEFT JOIN review_items r ON r.event_id = e.event_id AND r.event_id = ANY(%(ids)s)
WHERE e.event_id = ANY(%(ids)s)
"""


class PostgresOutcomes:
    """Implements `contracts.gateway.Outcomes`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def states(self, event_ids: Collection[UUID]) -> dict[UUID, EventState]:
        """Return what is known of each, in one query."""
        with connected(self._pool) as connection, connection.cursor(row_factory=kwargs_row(_state)) as cursor:
            return {state.event_id: state for state in cursor.execute(_STATES, {"ids": list(event_ids)})}

    def refused(self) -> dict[str, int]:
        """Return the last generation that is refused, of each sensor that has one."""
        with connected(self._pool) as connection:
            return dict(connection.execute("SELECT sensor_id, through FROM refused_generations WHERE through > 0").fetchall())


def _state(kind: str | None = None, **values: object) -> EventState:
    return EventState(kind=OutcomeKind(kind) if kind else None, **values)  # type: ignore[arg-type]
