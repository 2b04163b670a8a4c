"""The rule of how many workers there shall be."""

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.scaling import Limits, Load, wanted

numbers = st.integers(0, 200)
rates = st.floats(0, 1e6, allow_nan=False)
loads = st.builds(
    Load,
    backlog=st.integers(0, 10**12),
    events_in_per_s=rates,
    worker_events_per_s=st.one_of(st.just(0.0), st.floats(0.001, 10_000)),
    running=numbers,
    draining=st.integers(0, 3),
    youngest_s=st.one_of(st.just(math.inf), st.floats(0, 1e6)),
)
bounds = st.builds(
    lambda least, more, target_s, settled_s: Limits(least, least + more, target_s, settled_s),
    numbers,
    numbers,
    st.floats(0.1, 3600),
    st.floats(0, 3600),
)


def _within(load, limits):
    return replace(load, running=min(max(load.running, limits.least), limits.most))


@given(loads, bounds)
def test_it_never_leaves_its_bounds(load, limits):
    assert limits.least <= wanted(load, limits) <= limits.most


@given(loads, bounds, st.integers(0, 10**12))
def test_more_backlog_never_wants_fewer(load, limits, more):
    assert wanted(replace(load, backlog=load.backlog + more), limits) >= wanted(load, limits)


@given(loads, bounds, st.floats(0, 1e6))
def test_more_coming_in_never_wants_fewer(load, limits, more):
    busier = replace(load, events_in_per_s=load.events_in_per_s + more)
    assert wanted(busier, limits) >= wanted(load, limits)


@given(loads, bounds)
def test_nobody_goes_while_workers_drain_or_one_is_young(load, limits):
    load = _within(load, limits)
    assert wanted(replace(load, draining=1), limits) >= load.running
    young = replace(load, youngest_s=limits.settled_s / 2)
    assert limits.settled_s == 0 or wanted(young, limits) >= load.running


@given(loads, bounds)
def test_at_most_one_in_ten_goes_at_a_time(load, limits):
    load = replace(load, running=min(load.running, limits.most))
    assert wanted(load, limits) >= load.running - max(1, load.running // 10)


@given(loads, bounds)
def test_who_has_not_measured_a_worker_changes_nothing(load, limits):
    assume(limits.most >= 1)
    load = _within(load, replace(limits, least=max(limits.least, 1)))
    assert wanted(replace(load, worker_events_per_s=0.0), limits) == load.running


@given(
    st.floats(0.5, 60),
    st.floats(1, 500),
    st.integers(0, 100_000),
    st.integers(1, 100),
    st.lists(st.floats(0.9, 1.1), min_size=40, max_size=40),
)
def test_a_steady_load_that_is_measured_a_tenth_wrongly_does_not_bring_workers_back_that_went(share, each, backlog, running, noise):
    gone = False
    for off in [0.9] * 100 + noise + [1.1]:
        then = wanted(Load(int(backlog * off), share * each * off, each, running), Limits(1, 100_000))
        assert not (gone and then > running)
        gone = gone or then < running
        running = then


@given(st.floats(1, 2000), st.integers(20, 200), st.integers(1, 60), st.integers(0, 500_000))
def test_a_fleet_under_a_steady_load_settles_and_its_backlog_with_it(coming, each, running, backlog):
    limits = Limits(1, 200, 30.0, 120.0)
    waiting, age_s, seen = float(backlog), math.inf, []
    for _ in range(600):
        waiting = max(0.0, waiting + (coming - running * each) * 15)
        then = wanted(Load(math.ceil(waiting), coming, each, running, 0, age_s), limits)
        age_s = 0.0 if then > running else age_s + 15
        running = then
        seen.append(then)
    assert len(set(seen[-50:])) == 1
    assert waiting == 0
    assert coming <= running * each <= max(each, coming / 0.8 + each)


@pytest.mark.parametrize(("backlog", "count"), [(0, 2), (3000, 2), (3001, 3), (9000, 6), (10**9, 8)])
def test_a_backlog_gets_as_many_as_decide_it_within_the_target(backlog, count):
    assert wanted(Load(backlog, 0.0, 50.0, 2, 0, 0.0), Limits(1, 8, 30.0)) == count


def test_without_any_worker_one_is_wanted_as_soon_as_something_waits():
    assert wanted(Load(5, 0.0, 0.0, 0), Limits(0, 8)) == 1
    assert wanted(Load(0, 0.0, 0.0, 0), Limits(0, 8)) == 0


def test_bounds_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="no bounds"):
        Limits(3, 2)
