"""What the model says and how often it is right, as charts. Pure."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from contracts.accuracy import StratumCount
from contracts.categories import CATEGORIES
from contracts.estimates import Accuracy, estimate
from contracts.history import Decided
from contracts.names import LOW_CONFIDENCE, OUT_OF_DISTRIBUTION, OutcomeKind
from contracts.rollups import CONFIDENCE_BINS
from contracts.shift import FEWEST, SHIFTED, compare
from dlq_review.console.charts import Chart, Series, Value

Counts = Mapping[datetime, Mapping[str, int]]
Strata = Mapping[date, Mapping[str, StratumCount]]
ROLLING_DAYS = 7
"""Each point of the rolling accuracy is of so many days, the last of which it stands at."""
_NOTHING = "Nothing was decided in this time, or nothing is counted yet: the drain does that a minute and a half later."
BEFORE_DAYS = 28
"""Drift compares the last seven days with so many before them."""


def confidence(found: Mapping[date, Mapping[str, Sequence[int]]]) -> Chart:
    """Return the confidence of decisions by category, as the share of each category's decisions in a twentieth."""
    sums: dict[str, list[int]] = {category.value: [0] * CONFIDENCE_BINS for category in CATEGORIES}
    for categories in found.values():
        for category, counts in categories.items():
            sums[category] = [one + other for one, other in zip(sums[category], counts, strict=True)]
    x = [(place + 1) / CONFIDENCE_BINS for place in range(CONFIDENCE_BINS)]
    series = [Series(category, _parts(counts), category) for category, counts in sums.items()]
    note = "Of each category's decisions, how many are so sure."
    return Chart("confidence", "Confidence by category", "share", x, series, axis="confidence up to", note=note, empty=_NOTHING)


def _parts(counts: Sequence[int]) -> list[Value]:
    return [count / sum(counts) if sum(counts) else None for count in counts]


def mix(rows: Iterable[Decided], axis: Sequence[datetime]) -> Chart:
    """Return what share of the decisions named each category."""
    counts = _by_time(rows, lambda row: row.category)
    series = [Series(category, _shares(counts, axis, category), category) for category in CATEGORIES]
    return Chart("mix", "Decisions by category", "share", axis, series, days=_days(axis), empty=_NOTHING)


def unsure(rows: Iterable[Decided], axis: Sequence[datetime]) -> Chart:
    """Return which share of the decisions went to people: of low confidence, and as none of the five categories."""
    counts = _by_time(rows, lambda row: row.reason)
    series = [
        Series("low confidence", _shares(counts, axis, LOW_CONFIDENCE)),
        Series("none of the five", _shares(counts, axis, OUT_OF_DISTRIBUTION), "dim"),
    ]
    return Chart("unsure", "To people", "share", axis, series, days=_days(axis), empty=_NOTHING)


def rolling_accuracy(rows: Iterable[Decided], axis: Sequence[datetime], baseline: float) -> Chart:
    """Return the accuracy of each seven days with its interval and its labels; the days are those on which pictures were taken."""
    by_day = _strata_by_day(rows)
    found = [_accuracy(by_day, at) for at in axis]
    series = [
        Series("accuracy", [_known(one.value) for one in found]),
        Series("at least", [_known(one.low) for one in found], "dim", shown=False),
        Series("at most", [_known(one.high) for one in found], "dim", shown=False),
        Series("labels", [float(one.labels) for one in found], "dim", unit="", shown=False),
    ]
    return Chart(
        "accuracy",
        "How often the fleet is right, over seven days",
        "share",
        axis,
        series,
        limit=(baseline, f"{baseline * 100:g}\u00a0% wanted"),
        band=(1, 2),
        bottom=0.5,
        top=1.0,
        days=True,
        note="With the interval in which it lies by 95 %. Labels come days and weeks late: the last days rest on few.",
        empty="No label has found its event yet: labels come from people at the desk and from plants.",
    )


def accuracy_now(rows: Iterable[Decided], at: datetime) -> Accuracy:
    """Return the accuracy of the seven days that end with a day."""
    return _accuracy(_strata_by_day(rows), at)


def drift(found: Mapping[date, Mapping[str, Sequence[int]]], axis: Sequence[datetime]) -> Chart:
    """Return how far each seven days are from the four weeks before them, by categories and by confidence."""
    by_category = {day: {category: sum(counts) for category, counts in told.items()} for day, told in found.items()}
    by_confidence = {day: _confidence_bins(told.values()) for day, told in found.items()}
    series = [Series("categories", _indices(by_category, axis)), Series("confidence", _indices(by_confidence, axis), "dim")]
    return Chart(
        "drift",
        "Drift: the last seven days beside the four weeks before",
        "",
        axis,
        series,
        limit=(SHIFTED, "a shift"),
        top=0.3,
        days=True,
        note="The population stability index; under 0.1 is nothing.",
        empty="There are not enough days yet to compare the last seven with those before.",
    )


def _confidence_bins(categories: Iterable[Sequence[int]]) -> dict[str, int]:
    return {f"{place:02}": sum(counts) for place, counts in enumerate(zip(*categories, strict=True))}


def _indices(by_day: Mapping[date, Mapping[str, int]], axis: Sequence[datetime]) -> list[Value]:
    return [_index(by_day, at.date()) for at in axis]


def _index(by_day: Mapping[date, Mapping[str, int]], day: date) -> Value:
    now = _summed(by_day, day - timedelta(days=ROLLING_DAYS - 1), day)
    before = _summed(by_day, day - timedelta(days=ROLLING_DAYS + BEFORE_DAYS - 1), day - timedelta(days=ROLLING_DAYS))
    shift = compare(before, now)
    return shift.index if min(shift.before, shift.now) >= FEWEST else None


def _summed(by_day: Mapping[date, Mapping[str, int]], first: date, last: date) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for back in range((last - first).days + 1):
        for name, count in by_day.get(first + timedelta(days=back), {}).items():
            sums[name] += count
    return sums


def _by_time(rows: Iterable[Decided], name: Callable[[Decided], str]) -> Counts:
    """Return decisions of the model by time and a name; failures are none."""
    counts: dict[datetime, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        if row.kind != OutcomeKind.FAILURE:
            counts[row.at][name(row)] += row.decided
    return counts


def _shares(counts: Counts, axis: Sequence[datetime], name: str) -> list[Value]:
    return [counts[at].get(name, 0) / sum(counts[at].values()) if at in counts else None for at in axis]


def _days(axis: Sequence[datetime]) -> bool:
    return len(axis) > 1 and axis[1] - axis[0] >= timedelta(days=1)


def _strata_by_day(rows: Iterable[Decided]) -> Strata:
    found: dict[date, dict[str, list[StratumCount]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row.kind != OutcomeKind.FAILURE:
            found[row.at.date()][row.kind].append(_stratum(row))
    return {day: {kind: _sum(strata) for kind, strata in kinds.items()} for day, kinds in found.items()}


def _stratum(row: Decided) -> StratumCount:
    return StratumCount("", row.kind, row.decided, row.confidence_sum, row.labelled, row.right)


def _sum(strata: Iterable[StratumCount | None]) -> StratumCount:
    known = [one for one in strata if one]
    sums = (sum(getattr(one, name) for one in known) for name in ("decided", "confidence_sum", "labelled", "right"))
    return StratumCount("", known[0].kind, *sums)


def strata_of(rows: Iterable[Decided]) -> list[StratumCount]:
    """Return what rows of all days sum up to, by how it was decided; failures are none."""
    by_kind: dict[str, list[StratumCount]] = defaultdict(list)
    for row in rows:
        if row.kind != OutcomeKind.FAILURE:
            by_kind[row.kind].append(_stratum(row))
    return [_sum(by_kind[kind]) for kind in sorted(by_kind)]


def _accuracy(by_day: Strata, at: datetime) -> Accuracy:
    days = [by_day.get(at.date() - timedelta(days=back), {}) for back in range(ROLLING_DAYS)]
    kinds = sorted({kind for day in days for kind in day})
    return estimate([_sum(day.get(kind) for day in days) for kind in kinds])


def _known(value: float) -> Value:
    return None if math.isnan(value) else value
