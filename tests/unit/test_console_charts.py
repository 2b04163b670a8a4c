"""What charts of the console are made of: shares, drift, rolling accuracy, rates, and which model comes back."""

from datetime import UTC, date, datetime, timedelta

import pytest

from contracts.history import Decided, FlowPoint
from contracts.models import Move
from dlq_review.console.charts import Chart, Series
from dlq_review.console.counted import counted
from dlq_review.console.flow import latency, rates, stage_means, steps
from dlq_review.console.quality import drift, mix, rolling_accuracy, unsure
from dlq_review.console.rollout import would_be_back

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = steps(MONDAY, MONDAY + timedelta(days=10), 86_400.0)


def decided(day, kind="prediction", reason="", category="glass", count=100, labelled=0, right=0):
    return Decided(MONDAY + timedelta(days=day), kind, reason, category, "m", count, count * 0.9, labelled, right)


def series(chart, name):
    (found,) = [one.values for one in chart.series if one.name == name]
    return list(found)


def test_failures_are_no_decisions_of_the_model():
    rows = [
        decided(0),
        decided(0, category="paper", count=300),
        decided(0, "failure", "poison", "", 1000),
        decided(1, "failure", "poison", "", 5),
    ]
    chart = mix(rows, DAYS[:3])
    assert series(chart, "glass") == [0.25, None, None]
    assert series(chart, "paper") == [0.75, None, None]
    assert series(unsure([*rows, decided(0, "review", "low_confidence", count=100)], DAYS[:1]), "low confidence") == [0.2]


def test_accuracy_rolls_over_seven_days_and_each_kind_speaks_for_itself():
    rows = [decided(0, count=900, labelled=10, right=10), decided(0, "review", "low_confidence", count=100, labelled=100, right=50)]
    chart = rolling_accuracy(rows, DAYS, 0.85)
    values = series(chart, "accuracy")
    assert values[:7] == [pytest.approx(0.95)] * 7  # 0.9 of all are right in ten of ten, 0.1 of all in one of two
    assert values[7:] == [None] * 3
    assert series(chart, "labels") == [110.0] * 7 + [0.0] * 3
    low, high = series(chart, "at least")[0], series(chart, "at most")[0]
    assert low < 0.95 < high
    assert chart.limit[0] == 0.85


def test_drift_needs_enough_on_both_sides_and_sees_a_shift():
    before = {date(2026, 2, 1) + timedelta(days=n): {"glass": [0] * 19 + [50], "paper": [0] * 19 + [50]} for n in range(36)}
    chart = drift(before, [datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 2, 9, tzinfo=UTC)])
    assert series(chart, "categories") == [0.0, None]
    shifted = before | {
        date(2026, 3, 2) + timedelta(days=n): {"glass": [0] * 10 + [90] + [0] * 9, "paper": [0] * 19 + [10]} for n in range(7)
    }
    chart = drift(shifted, [datetime(2026, 3, 8, tzinfo=UTC)])
    assert series(chart, "categories")[0] > 0.25
    assert series(chart, "confidence")[0] > 0.25


def test_rates_are_told_by_the_minute_where_few_come():
    axis = steps(MONDAY, MONDAY + timedelta(minutes=2), 60.0)
    few = [FlowPoint(MONDAY, 30, 20, 5, 5, [0, 4], {"fetch": 500.0})]
    assert (rates(few, axis, 60.0).unit, series(rates(few, axis, 60.0), "came")) == ("/min", [30.0, 0.0])
    many = [FlowPoint(MONDAY, 6000, 6000, 0, 0, [0], {})]
    assert (rates(many, axis, 60.0).unit, series(rates(many, axis, 60.0), "decided")) == ("/s", [100.0, 0.0])


def test_latency_is_unknown_where_nothing_was_decided_and_stages_are_means():
    axis = steps(MONDAY, MONDAY + timedelta(minutes=2), 60.0)
    assert series(latency({MONDAY: [0, 4]}, axis), "half under")[1] is None
    stages = dict.fromkeys(("queued", "fetch", "decode", "inference", "record"), 500.0)
    assert stage_means([FlowPoint(MONDAY, 0, 20, 5, 9, [], stages)])["fetch"] == 20.0
    assert stage_means([])["fetch"] is None


def test_a_chart_as_json_has_no_number_that_json_has_not_and_its_table_begins_with_the_latest():
    chart = Chart("x", "X", "s", DAYS[:3], [Series("a", [0.123456789, float("nan"), None])])
    told = chart.plain()
    assert told["series"][0]["values"] == [0.12346, None, None]
    assert told["x"] == [at.timestamp() for at in DAYS[:3]]
    assert [at for at, _ in chart.rows(2)] == [DAYS[2], DAYS[1]]


def test_what_comes_back_is_what_the_last_promotion_replaced():
    def move(version, before, after, minute, **evidence):
        return Move(version, before, after, MONDAY + timedelta(minutes=minute), "olga", "", evidence)

    moves = [
        move("b", "candidate", "champion", 2), move("a", "champion", "retired", 2, replaced_by="b"), move("a", "candidate", "champion", 1),
    ]  # fmt: skip
    assert would_be_back([moves[0]], moves, "b") == "a"
    assert would_be_back([moves[2]], moves, "a") is None
    again = [move("b", "retired", "champion", 9, gone="c"), *moves]
    assert would_be_back([again[0], moves[0]], again, "b") == "a"  # brought back, it goes on with the one before


def test_only_a_drain_that_does_not_keep_up_is_told():
    assert counted(MONDAY, MONDAY + timedelta(seconds=100))["behind"] == ""
    assert "2026-03-02 00:00 UTC, 10\u00a0min ago" in counted(MONDAY, MONDAY + timedelta(minutes=10))["behind"]


def test_figures_that_a_clock_set_back_leaves_out_are_told():
    assert counted(MONDAY, MONDAY - timedelta(seconds=2))["behind"] == ""
    assert "2026-03-02 00:00 UTC, 1\u00a0h ahead of now" in counted(MONDAY, MONDAY - timedelta(hours=1))["behind"]
