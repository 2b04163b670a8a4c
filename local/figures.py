"""What the demo shows and reports, read from the ledger by the reader's login."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

_TOTALS = """
SELECT count(*)::int AS outcomes,
    count(*) FILTER (WHERE kind = 'prediction')::int AS prediction,
    count(*) FILTER (WHERE kind = 'review')::int AS review,
    count(*) FILTER (WHERE kind = 'failure')::int AS failure,
    count(*) - count(DISTINCT event_id) AS doubled,
    coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM decided_at - captured_at) * 1000), 0)::float AS p50_ms,
    coalesce(percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM decided_at - captured_at) * 1000), 0)::float AS p95_ms,
    coalesce(extract(epoch FROM max(decided_at) - min(captured_at)), 0)::float AS seconds
FROM outcomes WHERE event_id = ANY(%s)
"""
_CATEGORIES = """
SELECT o.event_id::text, o.kind, p.category FROM outcomes o LEFT JOIN predictions p USING (event_id) WHERE o.event_id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """A run's figures. `accuracy` is over predictions whose truth is known, None without any; times in milliseconds."""

    accepted: int
    outcomes: int
    prediction: int
    review: int
    failure: int
    lost: int
    doubled: int
    accuracy: float | None
    p50_ms: float
    p95_ms: float
    events_per_s: float
    by_category: Mapping[str, int] = field(default_factory=dict)

    def report(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return asdict(self)


def read_figures(database_url: str, accepted: Path, truth: Path) -> Figures:
    """Return the figures of the events whose ids are in `accepted`, judged by `truth`; raises psycopg.Error."""
    ids = accepted.read_text("utf-8").split() if accepted.exists() else []
    with psycopg.connect(database_url, row_factory=dict_row, autocommit=True, connect_timeout=5) as connection:
        totals: dict[str, Any] = connection.execute(_TOTALS, (ids,)).fetchone() or {}
        rows = connection.execute(_CATEGORIES, (ids,)).fetchall()
    seconds = totals.pop("seconds") or 0.0
    decided = [row for row in rows if row["kind"] == "prediction"]
    by_category: dict[str, int] = {}
    for row in decided:
        by_category[row["category"]] = by_category.get(row["category"], 0) + 1
    return Figures(
        accepted=len(set(ids)),
        lost=len(set(ids)) - totals["outcomes"],
        accuracy=_accuracy({row["event_id"]: row["category"] for row in decided}, _read_truth(truth)),
        events_per_s=round(totals["outcomes"] / seconds, 2) if seconds else 0.0,
        by_category=dict(sorted(by_category.items())),
        **{name: totals[name] for name in ("outcomes", "prediction", "review", "failure", "doubled")},
        p50_ms=round(totals["p50_ms"], 1),
        p95_ms=round(totals["p95_ms"], 1),
    )


def _read_truth(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.endswith("}")]
    return {row["event_id"]: row["category"] for row in rows if row["category"]}


def _accuracy(predicted: Mapping[str, str], truth: Mapping[str, str]) -> float | None:
    known = [predicted[event_id] == category for event_id, category in truth.items() if event_id in predicted]
    return round(sum(known) / len(known), 4) if known else None
