"""The fleet that serves a demand: workers that take time to come, and events that wait in the order of their coming."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.scaling.demand import DAYS, STEP_S, Demand, Floats

AGE_TARGET_S = 60.0
"""An event that is decided later than this after it was accepted is late."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a worker is: events/s that it decides, seconds from the wish to its first event, and how many an hour are taken away."""

    events_per_s: float = 100.0
    start_s: float = 60.0
    lost_per_hour: float = 0.0


@dataclass(slots=True)
class Seen:
    """What a policy may look at, as of `now` in seconds: rates are means of the minute and the five minutes before."""

    now: float = 0.0
    running: int = 0
    starting: int = 0
    backlog: float = 0.0
    in_1m: float = 0.0
    in_5m: float = 0.0
    busy: float = 0.0
    """The share of the workers' time of the last minute in which they had something to do."""
    youngest_s: float = float("inf")
    events_per_s: float = 0.0


Policy = Callable[[Seen], int]
"""Returns how many workers there shall be; it is asked each step and keeps its own time."""


@dataclass(slots=True)
class Run:
    """What became of it, for each step: workers that run and that are paid for, backlog, and seconds that the oldest has waited."""

    workers: Floats
    paid: Floats
    backlog: Floats
    age_s: Floats
    decided: Floats
    late_share: float = 0.0
    p99_s: float = 0.0
    worker_hours: float = 0.0
    turns_a_day: float = 0.0
    wished: list[int] = field(default_factory=list)


def simulate(demand: Demand, policy: Policy, machine: Machine, first: int, seed: int = 0) -> Run:
    """Return what a policy makes of a demand, beginning with `first` workers."""
    steps = len(demand.rate)
    run = Run(*(np.zeros(steps) for _ in range(5)))
    chance = np.random.default_rng(seed)
    born: list[float] = [-1e9] * first
    coming: deque[float] = deque()
    came = np.concatenate([[0.0], np.cumsum(demand.rate * STEP_S)])
    so_far: list[float] = came.tolist()
    backlog, busy = 0.0, deque([0.0] * (60 // STEP_S), maxlen=60 // STEP_S)
    for step, rate in enumerate(demand.rate.tolist()):
        now = step * STEP_S
        while coming and coming[0] <= now:
            born.append(coming.popleft())
        if machine.lost_per_hour and born:
            born = [
                one
                for one, dies in zip(born, chance.random(len(born)), strict=True)
                if dies > machine.lost_per_hour * STEP_S / 3600
            ]
        can = len(born) * machine.events_per_s * STEP_S
        there = backlog + rate * STEP_S
        done = min(can, there)
        backlog = there - done
        busy.append(done / can if can else 1.0)
        run.workers[step], run.paid[step], run.backlog[step], run.decided[step] = len(born), len(born) + len(coming), backlog, done
        seen = Seen(
            now,
            len(born),
            len(coming),
            backlog,
            _mean(so_far, step, 60),
            _mean(so_far, step, 300),
            sum(busy) / len(busy),
            now - born[-1] if born else float("inf"),
            machine.events_per_s,
        )
        wish = policy(seen)
        run.wished.append(wish)
        _answer(wish, born, coming, now + machine.start_s)
    return _judged(run, came)


def _mean(came: list[float], step: int, seconds: int) -> float:
    since = max(0, step + 1 - seconds // STEP_S)
    return (came[step + 1] - came[since]) / ((step + 1 - since) * STEP_S)


def _answer(wish: int, born: list[float], coming: deque[float], ready_at: float) -> None:
    while len(born) + len(coming) < wish:
        coming.append(ready_at)
    # Who is not there yet goes first.
    while len(born) + len(coming) > wish and coming:
        coming.pop()
    del born[max(wish, 0) :]


def _judged(run: Run, came: Floats) -> Run:
    ends = np.arange(1, len(came)) * STEP_S
    # The event that is decided at the end of a step came when as many had come as are decided now.
    decided = np.cumsum(run.decided)
    run.age_s = np.maximum(0.0, ends - np.interp(decided, came, np.arange(len(came)) * STEP_S) - STEP_S)
    total = run.decided.sum()
    run.late_share = float(run.decided[run.age_s > AGE_TARGET_S].sum() / total) if total else 0.0
    order = np.argsort(run.age_s)
    share = np.cumsum(run.decided[order]) / max(total, 1e-9)
    run.p99_s = float(run.age_s[order][np.searchsorted(share, 0.99)])
    run.worker_hours = float(run.paid.sum() * STEP_S / 3600)
    run.turns_a_day = _turns(run.wished) / DAYS
    return run


def _turns(wished: list[int], within_steps: int = 1800 // STEP_S) -> int:
    """Return how often more were wished for within half an hour of fewer: workers that should not have gone."""
    turns, last_in = 0, -(10**9)
    for step in range(1, len(wished)):
        if wished[step] < wished[step - 1]:
            last_in = step
        elif wished[step] > wished[step - 1] and step - last_in < within_steps:
            turns, last_in = turns + 1, -(10**9)
    return turns
