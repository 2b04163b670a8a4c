"""Writes a week of the fleet as one HTML page."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from contracts.categories import CATEGORIES
from contracts.console import ConsoleBook
from contracts.estimates import Accuracy, estimate
from contracts.figures import Prices
from contracts.history import Decided, Grain, History
from contracts.names import OutcomeKind
from contracts.rollups import quantile
from contracts.weekly import Row, Weekly
from dlq_review.console.charts import Chart, Series
from dlq_review.console.flow import steps
from dlq_review.console.quality import ROLLING_DAYS, mix, rolling_accuracy, strata_of, unsure
from dlq_review.report.cost import Used, cost_of
from dlq_review.report.plots import Plot, plot_of
from dlq_review.report.week import Week
from dlq_review.web.pages import page_of

_DAY_S = 86_400.0
_WEEKS_BACK = 4
_MOST = 20


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a report's figures come from."""

    history: History
    book: ConsoleBook
    weekly: Weekly


@dataclass(frozen=True, slots=True)
class Sum:
    """What was decided in a week: predictions, what went to people, failures; the two first together are `images`."""

    images: int
    reviews: int
    failures: int

    @property
    def all(self) -> int:
        """Events that ended."""
        return self.images + self.failures


def write_report(sources: Sources, week: Week, prices: Prices, baseline: float, written_at: datetime, currency: str = "") -> str:
    """Return the page of a week; raises LedgerUnavailable."""
    rows = sources.history.decided(week.since - timedelta(days=7 * _WEEKS_BACK + ROLLING_DAYS), week.until, Grain.DAY)
    own = [row for row in rows if row.at >= week.since]
    right = estimate(strata_of(own))
    told = _volume(sources, week, rows) | _quality(week, rows, own, right, baseline) | _sensors(sources, week)
    through = sources.history.through()
    review = sources.weekly.review(week.since, min(week.until, through))
    hours = sources.weekly.worker_hours(week.since, week.until)
    images = sum_of(own).images
    used = Used(
        hours=max(0.0, (min(week.until, written_at) - week.since).total_seconds() / 3600),
        worker_hours=sum(row["hours"] or 0.0 for row in hours),
        reviewer_hours=review["hours"],
        images=images,
        labels=review["labels"],
        right=None if math.isnan(right.value) else images * right.value,
    )
    told |= {
        "week": week,
        "written_at": written_at,
        "through": through,
        "review": review,
        "opinions": sources.weekly.opinions(week.since, week.until),
        "currency": currency,
        "used": used,
        "cost": cost_of(used, prices),
        "changes": changes_of(sources, week, hours),
    }
    return page_of("report/week.html", told)


def sum_of(rows: Sequence[Decided]) -> Sum:
    """Return what rows sum up to."""
    by_kind: dict[str, int] = defaultdict(int)
    for row in rows:
        by_kind[row.kind] += row.decided
    reviews = by_kind[OutcomeKind.REVIEW]
    return Sum(by_kind[OutcomeKind.PREDICTION] + reviews, reviews, by_kind[OutcomeKind.FAILURE])


def _volume(sources: Sources, week: Week, rows: Sequence[Decided]) -> dict[str, Any]:
    axis = steps(week.since, week.until, _DAY_S)
    by_day = {at: sum_of([row for row in rows if row.at == at]) for at in axis}
    series = [
        Series("decided by the model", [float(by_day[at].images - by_day[at].reviews) for at in axis]),
        Series("to people", [float(by_day[at].reviews) for at in axis], "note"),
        Series("failed", [float(by_day[at].failures) for at in axis], "bad"),
    ]
    top = max(one.all for one in by_day.values()) * 1.1
    chart = Chart("volume", "Events a day, by what became of them", "", axis, series, bars=True, days=True, top=top or 1.0)
    late = sources.history.latencies(week.since, week.until, Grain.DAY)
    counts = [sum(one) for one in zip(*late.values(), strict=True)]
    return {
        "volume": plot_of(chart),
        "days": [(at, by_day[at], _waits(late.get(at, ()))) for at in axis],
        "sum": sum_of([row for row in rows if row.at >= week.since]),
        "before": sum_of([row for row in rows if week.before.since <= row.at < week.since]),
        "waits": _waits(counts),
    }


def _waits(counts: Sequence[int]) -> tuple[float | None, float | None]:
    return quantile(counts, 0.5), quantile(counts, 0.95)


def _quality(week: Week, rows: Sequence[Decided], own: Sequence[Decided], right: Accuracy, baseline: float) -> dict[str, Any]:
    axis = steps(week.since - timedelta(days=7 * (_WEEKS_BACK - 1)), week.until, _DAY_S)
    plots: list[Plot] = [plot_of(chart) for chart in (rolling_accuracy(rows, axis, baseline), unsure(rows, axis), mix(rows, axis))]
    categories = [(name, [row for row in own if row.category == name]) for name in CATEGORIES]
    return {
        "right": right,
        "baseline": baseline,
        "quality": plots,
        "categories": [(name.value, sum_of(of), estimate(strata_of(of))) for name, of in categories],
    }


def _sensors(sources: Sources, week: Week) -> dict[str, Any]:
    silent = sources.weekly.silent(week.since, _MOST)
    return {"silent": silent, "silent_count": silent[0]["of"] if silent else 0, "sensors": sources.book.sensor_sums()}


def changes_of(sources: Sources, week: Week, hours: Sequence[Row]) -> Mapping[str, Any]:
    """Return what changed in a week."""
    alerts, count = sources.weekly.alerts(week.since, week.until, 2 * _MOST)
    return {
        "moves": sources.weekly.moves(week.since, week.until),
        "trainings": sources.weekly.trainings(week.since, week.until),
        "alerts": alerts,
        "alert_count": count,
        "versions": hours,
    }
