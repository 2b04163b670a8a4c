"""The registry of models in Postgres, as those see it who own the models."""

from collections.abc import Mapping
from typing import Any

from psycopg import Connection, Rollback
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from adapters.postgres.connections import HEARTBEAT_SILENCE_S, Pool, connected, patient
from adapters.postgres.serving import PLAN, read_plan
from contracts.errors import ModelRefused
from contracts.models import Model, ModelFile, ModelState, Move, NewModel, ServingPlan, WorkerState, cut_for

_ADD = """
INSERT INTO models (version, sha256, object_key, size_bytes, facts, metrics, snapshot_id, parent, added_by)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (version) DO NOTHING
"""
_MODELS = """
SELECT version, sha256, object_key, state, size_bytes, facts, added_by, added_at, metrics, snapshot_id, parent
FROM models ORDER BY added_at DESC, version
"""
_MOVES = """
SELECT version, before, after, acted_at, actor, because, evidence FROM model_transitions
WHERE %(version)s::text IS NULL OR version = %(version)s ORDER BY transition_id DESC LIMIT %(limit)s
"""
_REPLACED = """
SELECT version FROM model_transitions WHERE acted_at = now() AND before = %s AND evidence->>'replaced_by' = %s
"""
_TRAFFIC = """
SELECT sensor_id, count(*)::int FROM events
WHERE event_id >= first_event_id(now() - interval '7 days') AND captured_at > now() - interval '7 days' GROUP BY 1
"""
_SET_SHARES = """
UPDATE serving SET canary_share = coalesce(%s, canary_share), canary_cut = coalesce(%s, canary_cut),
    shadow_share = coalesce(%s, shadow_share), revision = revision + 1, changed_at = now()
"""
_WORKERS = f"""
SELECT host, pid, model_version, revision, model_problem FROM workers
WHERE heartbeat_at > now() - interval '{HEARTBEAT_SILENCE_S} s' ORDER BY host, pid
"""  # noqa: S608 - the only insertion is a constant of this program


class PostgresRegistry:
    """Implements `contracts.models.Registry`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def add(self, model: NewModel) -> bool:
        """Add a candidate; False if it is there already, and raises ModelRefused if its version or file is another's."""
        file = model.file
        values = (file.version, file.sha256, file.object_key, model.size_bytes, Jsonb(dict(model.facts)))
        more = (Jsonb(dict(model.metrics)), model.snapshot_id, model.parent, model.added_by)
        with connected(self._pool) as connection:
            try:
                if connection.execute(_ADD, (*values, *more)).rowcount:
                    return True
            except UniqueViolation:
                raise ModelRefused("file", f"{file.sha256} is in the registry under another version") from None
            known = connection.execute("SELECT sha256 FROM models WHERE version = %s", (file.version,)).fetchone()
        if known and known[0] != file.sha256:
            raise ModelRefused("version", f"{file.version} is taken by another file, {known[0]}")
        return False

    def models(self) -> list[Model]:
        """Return all models, the newest first."""
        return [Model(ModelFile(*row[:3]), ModelState(row[3]), *row[4:]) for row in self._rows(_MODELS)]

    def moves(self, version: str | None = None, limit: int = 100) -> list[Move]:
        """Return the last moves, of one model or of all, the newest first."""
        return [Move(*row) for row in self._rows(_MOVES, {"version": version, "limit": limit})]

    def move(
        self,
        version: str,
        expected: ModelState,
        target: ModelState,
        who: str,
        why: str,
        evidence: Mapping[str, object],
        *,
        instead_of: str | None = None,
    ) -> bool:
        """Move a model, retiring what it replaces; False if it is not in the state that is expected, or would replace another."""
        if target is ModelState.CANARY:
            self._aim(version)
        values = (version, expected, target, who, why, Jsonb(dict(evidence)))
        # Moves take turns, so what is replaced is known when it has been; what was not meant is taken back whole.
        with connected(self._pool) as connection, connection.transaction():
            ((moved,),) = connection.execute("SELECT move_model(%s, %s, %s, %s, %s, %s)", values).fetchall()
            if moved and instead_of not in {None, _replaced(connection, version, target)}:
                raise Rollback
            return bool(moved)
        return False

    def roll_back(self, who: str, why: str, of: str | None = None) -> tuple[str, str | None] | None:
        """Retire the champion and bring back the one before; return both, the latter None if there is none.

        None without any champion, or if it is not `of`.
        """
        with connected(self._pool) as connection, connection.transaction():
            rows = connection.execute("SELECT gone, back FROM roll_back_champion(%s, %s)", (who, why)).fetchall()
            if rows and of not in {None, rows[0][0]}:
                raise Rollback
            return (rows[0][0], rows[0][1]) if rows else None
        return None

    def plan(self) -> ServingPlan:
        """Return what is to be served."""
        return read_plan(self._rows(PLAN))

    def pinned_by(self) -> str | None:
        """Return who has asked that nothing moves by itself."""
        found: str | None = self._rows("SELECT pinned_by FROM serving")[0][0]
        return found

    def pin(self, who: str | None) -> None:
        """Have nothing move by itself, or, with None, again."""
        with connected(self._pool) as connection:
            connection.execute("UPDATE serving SET pinned_by = %s, changed_at = now()", (who,))

    def set_shares(self, canary: float | None = None, shadow: float | None = None) -> None:
        """Set the shares of sensors, canary in [0.01, 0.5], shadow in [0, 1]."""
        with connected(self._pool) as connection:
            connection.execute(_SET_SHARES, (canary, None, shadow))
        if canary is not None and (file := self.plan().canary):
            self._aim(file.version)

    def _aim(self, version: str) -> None:
        """Have the canary's sensors be its share of the traffic."""
        share = self.plan().canary_share
        with patient(self._pool) as connection:
            cut = cut_for(share, dict(connection.execute(_TRAFFIC).fetchall()), version)
        with connected(self._pool) as connection:
            connection.execute(_SET_SHARES, (None, cut, None))

    def workers(self) -> list[WorkerState]:
        """Return what live workers serve."""
        return [WorkerState(*row) for row in self._rows(_WORKERS)]

    def _rows(self, query: str, values: Any = ()) -> list[Any]:
        with connected(self._pool) as connection:
            return connection.execute(query, values).fetchall()


def _replaced(connection: Connection[TupleRow], version: str, target: ModelState) -> str:
    row = connection.execute(_REPLACED, (target, version)).fetchone()
    return str(row[0]) if row else ""
