"""What ops do with failures, in Postgres: open their events again, or put them away with a reason."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from adapters.postgres.browse import where_of
from adapters.postgres.connections import Pool, connected
from contracts.accounts import Actor
from contracts.codec import MAX_EVENT_BYTES
from contracts.messages import Message
from contracts.names import SIGNATURE_HEADER
from contracts.review import Filter

_REDRIVE = "SELECT redrive_failures(%s, %s, %s)"
_REFUSED = """
SELECT event_id, raw, claimed->>'signature' FROM failures
WHERE event_id = ANY(%s) AND state = 'open' AND raw IS NOT NULL AND claimed ? 'signature' AND length(raw) <= %s
"""
# In one order, as redriving takes them, so that nobody waits in a ring.
_OPEN = "event_id IN (SELECT event_id FROM failures WHERE event_id = ANY(%s) AND state = 'open' ORDER BY event_id FOR UPDATE)"
_SENT_AGAIN = f"""
UPDATE failures SET state = 'redriven', closed_at = now(), closed_by = %s WHERE {_OPEN} RETURNING event_id
"""  # noqa: S608 - the only insertion is a constant of this module
_DISCARD = f"""
UPDATE failures SET state = 'discarded', closed_at = now(), closed_by = %s, close_reason = %s WHERE {_OPEN} RETURNING event_id
"""  # noqa: S608 - as above
_ACT = "INSERT INTO actions (actor, action, target, detail, address) VALUES (%s, %s, %s, %s, %s)"
_ACT_EACH = "INSERT INTO actions (actor, action, target, detail, address) SELECT %s, %s, unnest(%s::text[]), %s, %s"


class PostgresFailureLane:
    """Implements `contracts.review_ports.FailureLane`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def chosen(self, wanted: Filter, limit: int) -> list[UUID]:
        """Return the ids of the failures that a filter means, the oldest first."""
        where, values = where_of(wanted)
        query = f"SELECT event_id FROM failures WHERE {where} ORDER BY decided_at, event_id LIMIT %(limit)s"  # noqa: S608
        with connected(self._pool) as connection:
            return [event_id for (event_id,) in connection.execute(query, values | {"limit": limit})]

    def redrive(self, event_ids: Sequence[UUID], actor: Actor, per_second: float) -> list[UUID]:
        """Open the events of open failures again, `per_second` of them a second; return those that it did."""
        with connected(self._pool) as connection, connection.transaction():
            done = [event_id for (event_id,) in connection.execute(_REDRIVE, (list(event_ids), actor.name, per_second))]
            _act_each(connection, actor, "redrive", done, {"per_second": per_second})
        return done

    def refused(self, event_ids: Sequence[UUID]) -> list[tuple[UUID, Message]]:
        """Return open failures that never became events, with the message that would have to pass the door again."""
        with connected(self._pool) as connection:
            rows = connection.execute(_REFUSED, (list(event_ids), MAX_EVENT_BYTES)).fetchall()
        return [(event_id, Message(bytes(raw), {SIGNATURE_HEADER: signature})) for event_id, raw, signature in rows]

    def sent_again(self, event_ids: Sequence[UUID], actor: Actor) -> list[UUID]:
        """Note that refused messages are on the edge queue again; return those that were open until now."""
        with connected(self._pool) as connection, connection.transaction():
            done = [event_id for (event_id,) in connection.execute(_SENT_AGAIN, (actor.name, list(event_ids)))]
            _act_each(connection, actor, "send again", done, {})
        return done

    def discard(self, event_ids: Sequence[UUID], actor: Actor, reason: str) -> list[UUID]:
        """Put open failures away; return those that were open until now."""
        with connected(self._pool) as connection, connection.transaction():
            rows = connection.execute(_DISCARD, (actor.name, reason, list(event_ids)))
            done = [event_id for (event_id,) in rows]
            _act_each(connection, actor, "discard", done, {"reason": reason})
        return done

    def note(self, actor: Actor, action: str, target: str = "", **detail: object) -> None:
        """Add to the audit trail."""
        with connected(self._pool) as connection:
            connection.execute(_ACT, (actor.name, action, target, Jsonb(detail), actor.address))


def _act_each(connection: Connection[TupleRow], actor: Actor, action: str, targets: Sequence[UUID], detail: dict[str, Any]) -> None:
    if targets:
        values = (actor.name, action, [str(target) for target in targets], Jsonb(detail), actor.address)
        connection.execute(_ACT_EACH, values)
