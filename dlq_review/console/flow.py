"""How events come and go, as figures and charts. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from contracts.history import FlowPoint
from contracts.rollups import quantile
from dlq_review.console.charts import Chart, Series, Value

STAGES = ("queued", "fetch", "decode", "inference", "record")


def steps(since: datetime, until: datetime, step_s: float) -> list[datetime]:
    """Return the beginnings of the parts of a time, of which `since` is one."""
    count = max(0, round((until - since).total_seconds() / step_s))
    return [since + timedelta(seconds=step_s * place) for place in range(count)]


def rates(points: Sequence[FlowPoint], axis: Sequence[datetime], step_s: float) -> Chart:
    """Return events a second that came and that were decided."""
    found = {point.at: point for point in points}
    empty = FlowPoint(axis[0], 0, 0, 0, 0, (), {}) if axis else None
    each = [found.get(at, empty) for at in axis]
    most = max((max(point.received, point.decided) for point in points), default=0)
    # Where few events come, in a minute there is something to see.
    words, unit, size = ("second", "/s", step_s) if most >= step_s else ("minute", "/min", step_s / 60)
    came = Series("came", [point.received / size if point else None for point in each], "dim")
    went = Series("decided", [point.decided / size if point else None for point in each])
    return Chart("rates", f"Events a {words}", unit, axis, [came, went], empty="No event came or was decided in this time.")


def endings(points: Sequence[FlowPoint], axis: Sequence[datetime], step_s: float) -> Chart:
    """Return what went to people and what failed, a minute."""
    found = {point.at: point for point in points}
    minutes = step_s / 60
    reviews = [found[at].reviews / minutes if at in found else 0.0 for at in axis]
    failures = [found[at].failures / minutes if at in found else 0.0 for at in axis]
    series = [Series("to people", reviews), Series("failed", failures, "bad")]
    return Chart("endings", "To people and failed, a minute", "/min", axis, series, empty="No event was decided in this time.")


def latency(counts: Mapping[datetime, Sequence[int]], axis: Sequence[datetime]) -> Chart:
    """Return the time from capture to outcome: what half of the events stay under, and what nineteen of twenty do."""

    def of(share: float) -> list[Value]:
        return [quantile(counts[at], share) if at in counts else None for at in axis]

    series = [Series("half under", of(0.5)), Series("95 % under", of(0.95), "dim")]
    empty = "No event whose time of capture is known was decided in this time."
    return Chart("latency", "From capture to outcome", "s", axis, series, empty=empty)


def stage_means(points: Sequence[FlowPoint]) -> dict[str, Value]:
    """Return the mean milliseconds of each stage of what was classified; None without any."""
    classified = sum(point.predictions + point.reviews for point in points)
    return {stage: sum(point.stages_ms[stage] for point in points) / classified if classified else None for stage in STAGES}


def sum_of_latencies(points: Sequence[FlowPoint]) -> list[int]:
    """Return the histogram of all points together."""
    return [sum(counts) for counts in zip(*(point.latencies for point in points), strict=True)]
