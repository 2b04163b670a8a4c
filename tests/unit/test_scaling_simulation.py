"""The simulation of scaling: events are neither lost nor made, waiting is told rightly, and the fleet's own rule keeps its promise."""

import numpy as np
import pytest

from benchmarks.scaling import policies
from benchmarks.scaling.compare import most_for, run_one
from benchmarks.scaling.demand import DAY_S, EVENTS_A_BIN_DAY, STEP_S, Demand, morning_peaks, outage, storm
from benchmarks.scaling.fleet import Machine, simulate
from contracts.scaling import Limits


def steady(rate, steps=2000):
    return Demand("steady", np.full(steps, float(rate)))


def test_enough_workers_leave_nobody_waiting_and_cost_what_they_are():
    run = simulate(steady(150), policies.fixed(2), Machine(events_per_s=100), first=2)
    assert run.backlog.max() == 0
    assert (run.late_share, run.p99_s, run.turns_a_day) == (0, 0, 0)
    assert run.worker_hours == pytest.approx(2 * 2000 * STEP_S / 3600)


def test_too_few_workers_lose_nothing_and_the_oldest_waits_as_long_as_the_backlog_says():
    run = simulate(steady(150), policies.fixed(1), Machine(events_per_s=100), first=1)
    assert run.decided.sum() + run.backlog[-1] == pytest.approx(150 * 2000 * STEP_S)
    # After t seconds 50 t events wait, and those that are decided now came at two thirds of t.
    assert run.age_s[-1] == pytest.approx(2000 * STEP_S / 3, rel=0.01)
    assert run.late_share > 0.9


def test_a_worker_decides_nothing_before_it_has_come():
    run = simulate(steady(50, 100), lambda _: 1, Machine(events_per_s=100, start_s=60), first=0)
    assert run.decided[: 60 // STEP_S].sum() == 0
    assert run.decided[60 // STEP_S] > 0
    assert (run.paid[1], run.workers[1]) == (1, 0)


@pytest.mark.parametrize("make", [morning_peaks, storm, outage])
def test_a_demand_has_the_events_of_its_bins_and_no_more(make):
    demand = make(10_000, seed=3)
    days = len(demand.rate) * STEP_S / DAY_S
    more = 1.2 if make is storm else 1.01
    assert 0.99 * days <= demand.rate.sum() * STEP_S / (10_000 * EVENTS_A_BIN_DAY) <= more * days


def test_the_fleets_own_rule_keeps_nearly_all_events_young_through_usual_days_and_seldom_turns_back():
    machine = Machine(start_s=60)
    demand = morning_peaks(100_000, seed=5)
    ours = run_one("ours", policies.ours(Limits(most=most_for(demand, machine))), demand, 100_000, machine)
    peak = run_one("peak", policies.fixed(max(1, int(1.25 * demand.busy / 100))), demand, 100_000, machine)
    assert ours.run.late_share < 0.01
    length = run_one("length", policies.by_length(most_for(demand, machine)), demand, 100_000, machine)
    assert ours.run.turns_a_day < length.run.turns_a_day / 10
    assert ours.cost < 0.8 * peak.cost


def test_by_the_length_of_a_queue_a_storm_is_answered_too_late():
    machine = Machine(start_s=60)
    demand = storm(100_000, seed=5)
    most = most_for(demand, machine)
    ours = run_one("ours", policies.ours(Limits(most=most)), demand, 100_000, machine)
    length = run_one("length", policies.by_length(most), demand, 100_000, machine)
    assert ours.run.p99_s < length.run.p99_s / 2
