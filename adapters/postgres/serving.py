"""The registry of models in Postgres, as a worker sees it."""

from collections.abc import Mapping, Sequence

from psycopg.types.json import Jsonb

from adapters.postgres.connections import Pool, connected
from contracts.models import ModelFile, SecondOpinion, ServingPlan

# One statement, so that a plan is never half of one and half of the next.
PLAN = """
SELECT s.revision, s.canary_share, s.canary_cut, s.shadow_share, m.state, m.version, m.sha256, m.object_key
FROM serving s LEFT JOIN models m ON m.state IN ('champion', 'canary', 'shadow')
"""
_WITHDRAW = "SELECT withdraw_model(%s, %s, %s, %s)"
_KEEP = """
INSERT INTO shadow_predictions (event_id, model_version, category, confidence, kind, inference_ms)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::real[], %s::text[], %s::real[]) ON CONFLICT DO NOTHING
"""


class PostgresServing:
    """Implements `contracts.models.Serving`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def plan(self) -> ServingPlan:
        """Return what is to be served."""
        with connected(self._pool) as connection:
            return read_plan(connection.execute(PLAN).fetchall())

    def withdraw(self, version: str, who: str, why: str, evidence: Mapping[str, object]) -> bool:
        """Retire a model on trial; False if it is not on trial any more."""
        with connected(self._pool) as connection:
            row = connection.execute(_WITHDRAW, (version, who, why, Jsonb(dict(evidence)))).fetchone()
        return bool(row and row[0])

    def keep_opinions(self, opinions: Sequence[SecondOpinion]) -> None:
        """Keep second opinions, each once."""
        rows = [(o.event_id, o.model_version, o.category.value, o.confidence, o.kind.value, o.inference_ms) for o in opinions]
        with connected(self._pool) as connection:
            connection.execute(_KEEP, [list(column) for column in zip(*rows, strict=True)])


def read_plan(rows: Sequence[tuple[int, float, float, float, str | None, str, str, str]]) -> ServingPlan:
    """Return the plan that the rows of `PLAN` say."""
    files = {row[4]: ModelFile(*row[5:]) for row in rows if row[4]}
    revision, canary_share, canary_cut, shadow_share = rows[0][:4]
    return ServingPlan(
        revision,
        files.get("champion"),
        files.get("canary"),
        files.get("shadow"),
        canary_share=round(canary_share, 6),
        canary_cut=canary_cut,
        shadow_share=round(shadow_share, 6),
    )
