"""Figures of the fleet's state as metrics."""

import math
from collections.abc import Mapping
from dataclasses import asdict

from adapters.telemetry import metrics
from contracts.alerts import KINDS
from contracts.figures import LossCheck, OpenEvents, Prices, ReviewWork, SensorCounts
from contracts.messages import QueueDepth
from contracts.names import SLOW_QUEUE, WORK_QUEUE, WORK_QUEUE_FIRST
from contracts.review import Lane

_EVENT_STATES = ("waiting", "in_flight", "later", "overdue")
_DAY = ("filed", "closed", "labels", "gold", "gold_right")


def show_open_events(found: OpenEvents | None) -> None:
    """Show what has no outcome; None: not known. Those that nobody has in hand wait on the work queue."""
    for state in _EVENT_STATES:
        metrics.EVENTS_OPEN.labels(state).set(getattr(found, state) if found else math.nan)
    metrics.EVENTS_OLDEST.set(found.oldest_s or 0.0 if found else math.nan)
    metrics.QUEUE_OLDEST.labels(WORK_QUEUE).set(found.woken_s or 0.0 if found else math.nan)


def show_queue(name: str, found: tuple[QueueDepth, float | None] | None) -> None:
    """Show how much waits on a queue and the age of the oldest of it; None: not known. SQS tells no age: no series."""
    depth, oldest_s = found or (None, None)
    metrics.QUEUE_MESSAGES.labels(name, "waiting").set(depth.waiting if depth else math.nan)
    metrics.QUEUE_MESSAGES.labels(name, "leased").set(depth.leased if depth else math.nan)
    if depth is None or oldest_s is not None or not depth.total:
        metrics.QUEUE_OLDEST.labels(name).set(oldest_s or 0.0 if depth else math.nan)


def show_work_queues(depths: Mapping[str, int] | None) -> None:
    """Show what waits on the queues of Celery; None: not known."""
    for name in (WORK_QUEUE, WORK_QUEUE_FIRST, SLOW_QUEUE):
        metrics.QUEUE_MESSAGES.labels(name, "waiting").set(depths[name] if depths else math.nan)


def show_broker_memory(share: float | None) -> None:
    """Show how full the broker is; None: it has no bound, or is not known."""
    metrics.BROKER_MEMORY.set(math.nan if share is None else share)


def show_losses(check: str, found: LossCheck | None) -> None:
    """Count what a check looked at; None: nothing was."""
    metrics.LOSSES_CHECKED.labels(check).inc(found.checked if found else 0)
    metrics.LOSSES.labels(check).inc(found.lost if found else 0)


def show_review(found: ReviewWork | None) -> None:
    """Show what waits for people and what they did; None: not known."""
    lanes = {Lane.REVIEW: ("open", "oldest_s"), Lane.FAILURES: ("failures_open", "failures_oldest_s")}
    for lane, (count, age) in lanes.items():
        metrics.REVIEW_OPEN.labels(lane.value).set(getattr(found, count) if found else math.nan)
        metrics.REVIEW_OLDEST.labels(lane.value).set(getattr(found, age) or 0.0 if found else math.nan)
    metrics.REVIEW_HOURS.set(found.hours if found else math.nan)
    for what in _DAY:
        metrics.REVIEW_DAY.labels(what).set(getattr(found, what) if found else math.nan)
    metrics.REVIEW_WORK.set(found.work_s if found else math.nan)


def show_sensors(found: SensorCounts | None) -> None:
    """Show how sensors are; None: not known."""
    for state in ("known", "silent", "faulty", "losing"):
        metrics.SENSORS.labels(state).set(asdict(found)[state] if found else math.nan)


def show_alerts(open_by_kind: Mapping[str, int] | None) -> None:
    """Show how many alerts of each kind are open; None: not known."""
    for kind in KINDS:
        metrics.ALERTS_OPEN.labels(kind).set(open_by_kind[kind] if open_by_kind else math.nan)


def show_months_ahead(seconds: float | None) -> None:
    """Show how long there are partitions for; None: not known."""
    metrics.MONTHS_AHEAD.set(math.nan if seconds is None else seconds)


def show_certificate(server: str, seconds: float | None) -> None:
    """Show how long a server's certificate is good for; None: it does not answer."""
    metrics.CERTIFICATE.labels(server).set(math.nan if seconds is None else seconds)


def show_prices(prices: Prices) -> None:
    """Show the prices that are set."""
    for name, price in prices.by_name().items():
        metrics.PRICE.labels(name).set(price)


def seen(what: str) -> None:
    """Note that something was seen now."""
    metrics.MONITORED.labels(what).set_to_current_time()
