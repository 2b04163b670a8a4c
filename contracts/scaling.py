"""How many workers there shall be. Pure: the same rule for compose, for the metrics of other scalers, and in tests."""

import math
from dataclasses import dataclass

from contracts.fleet import FleetStatus

HEADROOM = 0.8
"""Of what workers can do; what comes in shall need no more, or nothing would be left for the next peak."""
TARGET_S = 10.0
"""Seconds in which a backlog shall be gone: `benchmarks/scaling` found that a longer one is no cheaper, and later."""
_IN_AT = 0.5
"""Of the target; workers go only when the backlog would stay under this with fewer of them, so that they need not come back."""
_IN_STEP = 10
"""At a time one worker in ten goes, at least one."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the rule needs to know.

    `backlog` are events that wait or are in flight, `worker_events_per_s` what one worker decides in a second of work (0: nobody
    has measured it), `running` workers that live and take wake-ups, and `youngest_s` the time since the last of them started.
    """

    backlog: int
    events_in_per_s: float
    worker_events_per_s: float
    running: int
    draining: int = 0
    youngest_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Limits:
    """At least `least` workers and at most `most`; a backlog shall be gone in `target_s` seconds.

    No worker goes before the youngest is `settled_s` old: how much a new one helps is seen in the rates of the last minutes.
    """

    least: int = 1
    most: int = 16
    target_s: float = TARGET_S
    settled_s: float = 300.0

    def __post_init__(self) -> None:
        """Refuse bounds that contradict each other."""
        if not (0 <= self.least <= self.most and self.target_s > 0 and self.settled_s >= 0):
            msg = f"no bounds: {self}"
            raise ValueError(msg)


def load_of(status: FleetStatus) -> Load:
    """Return what the rule needs of the fleet's state.

    Of both rates in the larger one counts: a peak is answered within a minute, and its end is believed after five. A worker that is
    silent counts as draining: it may come back, and then one more would have gone than was meant.
    """
    coming = max(status.flow.in_1m, status.flow.in_5m)
    youngest_s = min((worker.up_s for worker in status.working), default=math.inf)
    leaving = sum(worker.draining or not worker.alive for worker in status.workers)
    return Load(status.backlog, coming, status.worker_events_per_s, len(status.working), leaving, youngest_s)


def needed(load: Load, target_s: float, *, headroom: float = 1.0) -> float:
    """Return how many workers decide what comes in, and within `target_s` what waits; 0 where nobody has measured a worker."""
    if load.worker_events_per_s <= 0:
        return 0.0
    return (load.events_in_per_s / headroom + load.backlog / target_s) / load.worker_events_per_s


def comfortable(load: Load, limits: Limits) -> float:
    """Return how many workers do with headroom for what comes in, and with half of the target for what waits."""
    return needed(load, limits.target_s * _IN_AT, headroom=HEADROOM)


def wanted(load: Load, limits: Limits) -> int:
    """Return how many workers there shall be.

    As many more as are needed, at once; fewer in steps, when all have settled and none drains, and only as few as would also be
    enough for a fourth more events and for twice the backlog.
    """
    at_least = min(needed(load, limits.target_s), float(limits.most))
    if at_least > load.running:
        return _bounded(math.ceil(at_least), limits)
    enough = min(comfortable(load, limits), float(limits.most))
    unknown = load.worker_events_per_s <= 0
    if enough >= load.running or unknown or load.draining or load.youngest_s < limits.settled_s:
        return _bounded(load.running or min(load.backlog, 1), limits)
    step = max(1, load.running // _IN_STEP)
    return _bounded(max(math.ceil(enough), load.running - step), limits)


def _bounded(count: int, limits: Limits) -> int:
    return max(limits.least, min(limits.most, count))
