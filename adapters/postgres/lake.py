"""What is known of events as of one moment, and which snapshots of it there are, in Postgres."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from adapters.postgres.accuracy import ACTUAL, HEALTHY, actual_tables
from adapters.postgres.connections import Pool, connected
from contracts.categories import Category
from contracts.errors import SnapshotRefused
from contracts.lake import PEOPLE, LabelledEvent, LabelsAsOf, Snapshot, SnapshotKind
from contracts.names import OutcomeKind

_ROWS_AT_ONCE = 5000

# Begins with what has labels, which is little, and not with all events. No name of a plant has a +; one that is called as people
# are, or as such a one is written, is told from them.
_LABELLED = f"""
WITH known AS (
    SELECT event_id FROM ground_truth WHERE match = 'matched'
    UNION SELECT event_id FROM review_items WHERE state = 'labelled' AND resolved = ANY(%(categories)s)
), told AS (
    SELECT event_id, count(*)::int AS labels, string_agg(DISTINCT
        CASE WHEN source = %(people)s OR source LIKE 'plant:%%' THEN 'plant:' || source ELSE source END, '+') AS source
    FROM ground_truth WHERE match = 'matched' GROUP BY event_id
)
SELECT e.event_id, e.sensor_id, coalesce(v.site, ''), e.captured_at, e.image_url, {ACTUAL} AS actual,
    coalesce(told.source, %(people)s) AS source,
    coalesce(told.labels, (SELECT count(*)::int FROM standing_labels l
        WHERE l.event_id = e.event_id AND l.choice = r.resolved AND l.purpose <> 'gold')),
    p.category, p.confidence, o.kind, p.model_version, r.sampling_probability, p.brightness, p.sharpness, p.entropy
FROM known JOIN events e USING (event_id) JOIN predictions p USING (event_id) JOIN outcomes o USING (event_id)
{actual_tables()}
LEFT JOIN told USING (event_id) LEFT JOIN devices v ON v.sensor_id = e.sensor_id
WHERE {ACTUAL} IS NOT NULL {HEALTHY}
    AND (%(since)s::timestamptz IS NULL OR e.captured_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR e.captured_at < %(until)s)
ORDER BY (e.captured_at AT TIME ZONE 'UTC')::date, coalesce(told.source, %(people)s), e.event_id
"""  # noqa: S608 - the only insertions are constants of this program
_SNAPSHOTS = "SELECT snapshot_id, made_at, place, items, fingerprint, manifest, golden FROM snapshots"
_ADD = "INSERT INTO snapshots (snapshot_id, made_at, place, items, fingerprint, manifest) VALUES (%s, %s, %s, %s, %s, %s)"


class PostgresLabelledEvents:
    """Implements `contracts.lake.LabelledEvents`."""

    def __init__(self, pool: Pool, categories: Sequence[str]) -> None:
        """Take labels that name one of `categories`."""
        self._pool, self._categories = pool, list(categories)

    def read(self, since: datetime | None, until: datetime | None) -> LabelsAsOf:
        """Return what is known now of events captured from `since` until `until`; takes about 1 KB of memory an event."""
        values = {"categories": self._categories, "people": PEOPLE, "since": since, "until": until}
        events: list[LabelledEvent] = []
        with connected(self._pool) as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            # The sort comes before the first row; with many labels it takes longer than any other question of the fleet may.
            connection.execute("SET LOCAL statement_timeout = '10min'")
            as_of: datetime = cast("tuple[datetime]", connection.execute("SELECT clock_timestamp()").fetchone())[0]
            with connection.cursor("labelled") as rows:
                rows.itersize = _ROWS_AT_ONCE
                rows.execute(_LABELLED, values)
                events += [_event(row) for row in rows]
        return LabelsAsOf(as_of, events)


def _event(row: Sequence[Any]) -> LabelledEvent:
    values = [*row]
    values[5], values[8], values[10] = Category(row[5]), Category(row[8]), OutcomeKind(row[10])
    return LabelledEvent(*values)


class PostgresSnapshots:
    """Implements `contracts.lake.Snapshots`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def add(self, snapshot: Snapshot) -> None:
        """Keep a new snapshot, whose files are all there; raises SnapshotRefused if it is there already."""
        values = (snapshot.snapshot_id, snapshot.made_at, snapshot.place, snapshot.items, snapshot.fingerprint)
        with connected(self._pool) as connection:
            try:
                connection.execute(_ADD, (*values, Jsonb(dict(snapshot.manifest))))
            except UniqueViolation:
                raise SnapshotRefused("snapshot", f"{snapshot.snapshot_id} is there already") from None

    def get(self, snapshot_id: str) -> Snapshot:
        """Return a snapshot; raises SnapshotRefused for one that is not there."""
        found = self._rows(f"{_SNAPSHOTS} WHERE snapshot_id = %s", (snapshot_id,))
        if not found:
            raise SnapshotRefused("snapshot", f"{snapshot_id} is not there; `waste lake list` names those that are")
        return found[0]

    def newest(self, limit: int, kind: SnapshotKind | None = None) -> list[Snapshot]:
        """Return the last snapshots, of one kind or of all, the newest first."""
        query = f"{_SNAPSHOTS} WHERE %(kind)s::text IS NULL OR manifest->>'kind' = %(kind)s ORDER BY made_at DESC LIMIT %(limit)s"
        return self._rows(query, {"kind": kind, "limit": limit})

    def golden(self) -> Snapshot | None:
        """Return what every model is examined with."""
        return next(iter(self._rows(f"{_SNAPSHOTS} WHERE golden", ())), None)

    def make_golden(self, snapshot_id: str) -> None:
        """Have this one be what every model is examined with, and no other; raises SnapshotRefused if it is not there."""
        with connected(self._pool) as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('snapshots.golden'))")  # two at once take turns
            connection.execute("UPDATE snapshots SET golden = false WHERE golden AND snapshot_id <> %s", (snapshot_id,))
            if not connection.execute("UPDATE snapshots SET golden = true WHERE snapshot_id = %s", (snapshot_id,)).rowcount:
                raise SnapshotRefused("snapshot", f"{snapshot_id} is not there; `waste lake list` names those that are")

    def _rows(self, query: str, values: Any) -> list[Snapshot]:
        with connected(self._pool) as connection:
            return [Snapshot(*row) for row in connection.execute(query, values).fetchall()]
