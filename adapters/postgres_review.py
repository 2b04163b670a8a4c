"""The review desk's two lanes in Postgres."""

import base64
from collections.abc import Sequence
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from adapters.postgres import Pool, connected
from contracts.names import OutcomeKind
from contracts.outcomes import DeadLetter

_FILE_REVIEW = """
INSERT INTO review_items
    (event_id, reason, sensor_id, image_url, captured_at, category, confidence, scores, model_version, outlier_score,
     decided_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (event_id) DO NOTHING
"""
_FILE_FAILURE = """
INSERT INTO failures (event_id, reason, detail, attempts, sensor_id, image_url, captured_at, claimed, raw, decided_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (event_id) DO NOTHING
"""

LANES = {"review": "review_items", "failures": "failures"}
"""Lane -> table."""

_SENSOR = {"review": "sensor_id", "failures": "coalesce(sensor_id, claimed->>'sensor_id')"}
"""Lane -> the sensor that sent it, or claims to have sent it."""


class PostgresReviewDesk:
    """Implements `contracts.ports.ReviewDesk`, and what the command line reads of it."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def file(self, letters: Sequence[DeadLetter]) -> int:
        """Put dead letters into their lane, each once, in one transaction; return how many were new."""
        reviews = [_review_row(letter) for letter in letters if letter.kind == OutcomeKind.REVIEW]
        failures = [_failure_row(letter) for letter in letters if letter.kind == OutcomeKind.FAILURE]
        new = 0
        with connected(self._pool) as connection, connection.transaction(), connection.cursor() as cursor:
            for query, rows in ((_FILE_REVIEW, reviews), (_FILE_FAILURE, failures)):
                if rows:
                    cursor.executemany(query, rows)
                    new += cursor.rowcount
        return new

    def waiting(self, lane: str, *, reason: str | None, sensor_id: str | None, limit: int) -> list[dict[str, Any]]:
        """Return the lane's open items, oldest first; raises KeyError for a lane that is not in `LANES`."""
        query = (
            f"SELECT event_id, reason, {_SENSOR[lane]} AS sensor_id, captured_at, decided_at FROM {LANES[lane]}"  # noqa: S608
            f" WHERE state = 'open' AND (%(reason)s::text IS NULL OR reason = %(reason)s)"
            f" AND (%(sensor)s::text IS NULL OR {_SENSOR[lane]} = %(sensor)s)"
            " ORDER BY decided_at LIMIT %(limit)s"
        )
        return self._rows(query, {"reason": reason, "sensor": sensor_id, "limit": limit})

    def show(self, event_id: str) -> dict[str, Any] | None:
        """Return everything known of an item, from whichever lane holds it."""
        for lane, table in LANES.items():
            rows = self._rows(f"SELECT * FROM {table} WHERE event_id = %(id)s::uuid", {"id": event_id})  # noqa: S608
            if rows:
                return {"lane": lane} | rows[0]
        # A refused message has an id of its own; its sender knows the one that it claimed.
        rows = self._rows(
            "SELECT * FROM failures WHERE claimed->>'event_id' = %(id)s ORDER BY decided_at LIMIT 1", {"id": event_id}
        )
        return {"lane": "failures"} | rows[0] if rows else None

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many open items each lane holds, by reason."""
        counted = {}
        for lane, table in LANES.items():
            query = f"SELECT reason, count(*)::int AS items FROM {table} WHERE state = 'open' GROUP BY reason ORDER BY 2 DESC"  # noqa: S608
            counted[lane] = {row["reason"]: row["items"] for row in self._rows(query, {})}
        return counted

    def _rows(self, query: str, values: dict[str, object]) -> list[dict[str, Any]]:
        with connected(self._pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, values).fetchall()


def _review_row(letter: DeadLetter) -> tuple[object, ...]:
    scores = Jsonb({category.value: score for category, score in (letter.scores or {}).items()})
    picture = (letter.sensor_id, letter.image_url, letter.captured_at)
    guess = (letter.category, letter.confidence, scores, letter.model_version, letter.outlier_score)
    return (letter.event_id, letter.reason, *picture, *guess, letter.decided_at)


def _failure_row(letter: DeadLetter) -> tuple[object, ...]:
    picture = (letter.sensor_id, letter.image_url, letter.captured_at)
    claimed = Jsonb(letter.claimed) if letter.claimed is not None else None
    raw = base64.b64decode(letter.raw) if letter.raw is not None else None
    return (letter.event_id, letter.reason, letter.detail, letter.attempts, *picture, claimed, raw, letter.decided_at)
