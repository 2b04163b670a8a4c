"""How models on trial did, in Postgres."""

from datetime import datetime

from adapters.postgres.accuracy import ACTUAL, actual_tables
from adapters.postgres.connections import Pool, patient
from contracts.categories import CATEGORIES
from contracts.trials import TrialCount

# Where the canary decides, the champion's opinion stands beside; where a shadow is asked, its own does.
_COUNTS = f"""
SELECT kind, hundredth, count(*)::int, count(*) FILTER (WHERE mine = other)::int, count(*) FILTER (WHERE unsure)::int,
    count(*) FILTER (WHERE unsure_before)::int, count(actual)::int,
    count(*) FILTER (WHERE actual = mine AND actual <> other)::int, count(*) FILTER (WHERE actual = other AND actual <> mine)::int
FROM (
    SELECT o.kind, (('x' || left(md5(s.event_id::text), 7))::bit(28)::int %% 100)::int AS hundredth,
        CASE WHEN p.model_version = %(version)s THEN p.category ELSE s.category END AS mine,
        CASE WHEN p.model_version = %(version)s THEN s.category ELSE p.category END AS other,
        CASE WHEN p.model_version = %(version)s THEN o.kind ELSE s.kind END = 'review' AS unsure,
        CASE WHEN p.model_version = %(version)s THEN s.kind ELSE o.kind END = 'review' AS unsure_before,
        {ACTUAL} AS actual
    FROM shadow_predictions s JOIN predictions p USING (event_id) JOIN outcomes o USING (event_id) {actual_tables()}
    WHERE s.predicted_at >= %(since)s AND p.predicted_at >= %(since)s AND %(version)s IN (s.model_version, p.model_version)
) pairs GROUP BY 1, 2
"""  # noqa: S608 - the only insertions are constants of this program


class PostgresTrials:
    """Implements `contracts.trials.Trials`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def counts(self, version: str, since: datetime) -> list[TrialCount]:
        """Return the counts of a model on trial, of what was scored from `since` on."""
        values = {"version": version, "since": since, "categories": list(CATEGORIES)}
        with patient(self._pool) as connection:
            return [TrialCount(*row) for row in connection.execute(_COUNTS, values)]
