"""Each policy on each demand, for each number of bins and each time that a worker takes to come."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.scaling import policies
from benchmarks.scaling.demand import DAY_S, DEMANDS, EVENTS_A_BIN_DAY, STEP_S, Demand
from benchmarks.scaling.fleet import Machine, Policy, Run, simulate
from contracts.scaling import Limits

SIZES = (1_000, 10_000, 100_000, 1_000_000)
STARTS_S = (10.0, 60.0, 150.0)
"""A container on this machine, a pod on a node that is there, a task on Fargate whose image is pulled."""
LEAST = 1
_SPOT_PER_HOUR = 0.02


@dataclass(frozen=True, slots=True)
class Result:
    """A run of a policy; `cost` is what was paid for, as a multiple of the work itself."""

    policy: str
    demand: str
    bins: int
    start_s: float
    cost: float
    run: Run


def most_for(demand: Demand, machine: Machine) -> int:
    """Return the bound that somebody sets who knows the demand: twice its highest minute."""
    minute = 60 // STEP_S
    highest = max(demand.rate[at : at + minute].mean() for at in range(0, len(demand.rate) - minute, minute))
    return max(4, math.ceil(2 * highest / machine.events_per_s))


def contestants(demand: Demand, machine: Machine, bins: int) -> dict[str, Callable[[], Policy]]:
    """Return name -> maker of a policy."""
    most = most_for(demand, machine)
    mean = bins * EVENTS_A_BIN_DAY / DAY_S / machine.events_per_s
    limits = Limits(least=LEAST, most=most)
    return {
        "fixed, mean": lambda: policies.fixed(max(1, math.ceil(mean))),
        "fixed, daily peak": lambda: policies.fixed(max(1, math.ceil(1.25 * demand.busy / machine.events_per_s))),
        "queue length": lambda: policies.by_length(most),
        "CPU 60 %": lambda: policies.by_cpu(LEAST, most),
        "ECS, backlog": lambda: policies.by_backlog(LEAST, most),
        "ECS, backlog and load": lambda: policies.by_backlog_and_load(LEAST, most),
        "KEDA": lambda: policies.keda(LEAST, most),
        "waste fleet scale": lambda: policies.ours(limits),
    }


def run_one(name: str, policy: Policy, demand: Demand, bins: int, machine: Machine) -> Result:
    """Run one policy; it begins with what the first minutes of the day need."""
    first = max(1, math.ceil(float(demand.rate[:60].mean()) / machine.events_per_s))
    run = simulate(demand, policy, machine, first)
    work = float(demand.rate.sum()) * STEP_S / machine.events_per_s / 3600
    return Result(name, demand.name, bins, machine.start_s, run.worker_hours / work, run)


def compare(sizes: tuple[int, ...] = SIZES, starts_s: tuple[float, ...] = STARTS_S, seed: int = 1) -> Iterator[Result]:
    """Yield a result for each combination."""
    for bins in sizes:
        for demand in (make(bins, seed) for make in DEMANDS):
            for start_s in starts_s:
                machine = Machine(start_s=start_s, lost_per_hour=_SPOT_PER_HOUR if start_s == max(starts_s) else 0.0)
                for name, make in contestants(demand, machine, bins).items():
                    yield run_one(name, make(), demand, bins, machine)


SWEPT = [(target_s, settled_s) for target_s in (5.0, 10.0, 20.0, 30.0, 60.0) for settled_s in (60.0, 300.0, 900.0)]
"""What the defaults of the fleet's own rule were chosen from: (target_s, settled_s)."""


SWEPT_SIZES = (10_000, 100_000)


def sweep(start_s: float = 60.0, seed: int = 1) -> Iterator[tuple[float, float, Result]]:
    """Yield (target_s, settled_s, result) of the fleet's own rule, on each demand, for both SWEPT_SIZES."""
    machine = Machine(start_s=start_s)
    demands = [(bins, make(bins, seed)) for bins in SWEPT_SIZES for make in DEMANDS]
    for target_s, settled_s in SWEPT:
        for bins, demand in demands:
            limits = Limits(least=LEAST, most=most_for(demand, machine), target_s=target_s, settled_s=settled_s)
            yield target_s, settled_s, run_one("waste fleet scale", policies.ours(limits), demand, bins, machine)
