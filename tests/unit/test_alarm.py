"""The drift alert: seldom wrong, soon right, whatever it is looked at."""

from datetime import date, timedelta

import pytest

from benchmarks.alarm import simulate
from learning.truth.alarm import FEWEST_LABELS, Day, weigh

TODAY = date(2026, 5, 10)


def days(*counts):
    return [Day(TODAY - timedelta(days=len(counts) - 1 - n), right, wrong) for n, (right, wrong) in enumerate(counts)]


def test_a_fleet_at_its_baseline_is_seldom_suspected():
    assert simulate(60, 0.85, 0.85, seed=2).false_alarms <= 0.05


def test_a_drop_to_five_points_under_the_baseline_is_found_in_three_days():
    found = simulate(60, 0.9, 0.8, seed=3)
    assert found.false_alarms == 0
    assert found.median_delay <= 3


def test_few_labels_are_no_alarm_however_bad():
    assert not weigh(days((0, FEWEST_LABELS - 1)), TODAY).fires
    assert weigh(days((0, FEWEST_LABELS)), TODAY).fires


def test_what_lies_before_the_window_is_forgotten():
    old = days((0, 500), *[(90, 10)] * 7)
    assert not weigh(old, TODAY).fires
    assert weigh(old, TODAY).labels == 700
    assert weigh(old, TODAY, window_days=8).fires


def test_the_evidence_says_since_when():
    found = weigh(days((90, 10), (90, 10), (90, 10), (60, 40), (60, 40)), TODAY)
    assert found.fires
    assert found.since == TODAY - timedelta(days=1)


def test_an_alarm_is_over_when_nothing_speaks_for_it_any_more():
    assert weigh(days(*[(95, 5)] * 7), TODAY).over(0.85)
    assert not weigh(days(*[(70, 30)] * 7), TODAY).over(0.85)
    assert not weigh(days((9, 1)), TODAY).over(0.85)


def test_no_labels_are_no_evidence():
    found = weigh([], TODAY)
    assert (found.labels, found.strength, found.fires, found.over(0.85)) == (0, 0.0, False, False)


@pytest.mark.parametrize("count", [10**6, 10**9])
def test_a_flood_of_labels_is_weighed_too(count):
    assert weigh(days((0, count)), TODAY).fires
    assert not weigh(days((count, 0)), TODAY).fires
