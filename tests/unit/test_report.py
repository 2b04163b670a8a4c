"""Weeks, prices and plots of the weekly report, and latencies out of bins."""

import argparse
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from contracts.figures import Prices
from contracts.rollups import LATENCY_BOUNDS_S, quantile
from dlq_review.console.charts import Chart, Series
from dlq_review.console.lately import Lately
from dlq_review.report.cost import Used, cost_of
from dlq_review.report.plots import HEIGHT, WIDTH, plot_of
from dlq_review.report.week import week_named, week_of
from tests.conftest import wait_for

USED = Used(hours=168.0, worker_hours=10.0, reviewer_hours=2.0, images=4000, labels=100, right=3600.0)
DAYS = [datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=place) for place in range(7)]


@pytest.mark.parametrize(
    ("text", "monday"), [("2026-W09", date(2026, 2, 23)), ("2026-02-25", date(2026, 2, 23)), ("2020-W53", date(2020, 12, 28))]
)
def test_a_week_is_named_by_iso_or_by_a_day_of_it(text, monday):
    week = week_named(text)
    assert week.monday == monday
    assert week_of(week.sunday) == week
    assert week.until - week.since == timedelta(days=7)


@pytest.mark.parametrize("text", ["2026-W00", "2026-W54", "W09", "2026-2-3", "", "9999-W52", "0001-01-01", "2026-W٠٩"])
def test_what_is_no_week_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError):
        week_named(text)


def test_cost_is_summed_up_and_shared_out():
    cost = cost_of(USED, Prices(worker_hour=1.0, reviewer_hour=20.0, services_hour=0.5))
    assert (cost.total, cost.per_1000_images, cost.per_label, cost.missing) == (134.0, 33.5, 0.4, [])
    assert cost.per_right_decision == pytest.approx(134 / 3600)


def test_services_of_a_week_that_is_not_over_cost_what_its_hours_so_far_do():
    cost = cost_of(replace(USED, hours=24.0), Prices(services_hour=0.5))
    assert (cost.parts[2].hours, cost.total) == (24.0, 12.0)


def test_what_has_no_price_or_was_not_measured_is_named_and_nothing_is_made_up():
    cost = cost_of(USED, Prices())
    assert (cost.total, cost.per_1000_images, cost.per_right_decision, cost.per_label) == (None, None, None, None)
    unmeasured = Used(hours=168.0, worker_hours=0.0, reviewer_hours=0.0, images=10, labels=0, right=None)
    cost = cost_of(unmeasured, Prices(worker_hour=1.0, reviewer_hour=1.0))
    assert cost.missing == ["workers", "all services"]
    assert (cost.per_right_decision, cost.per_label) == (None, None)


def test_a_plot_lies_within_its_drawing_and_gaps_stay_gaps():
    series = [Series("a", [0.1, 0.2, None, 0.4, None, 0.9, 1.0]), Series("b", [None] * 7), Series("c", [1.0] * 7, "dim")]
    plot = plot_of(Chart("x", "X", "share", DAYS, series, limit=(0.85, "wanted"), days=True))
    first = plot.paths[0]
    assert (len(first.parts), len(first.dots)) == (2, 1)
    places = [tuple(map(float, pair.split(","))) for path in plot.paths for part in path.parts for pair in part.split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in [*places, *first.dots])
    labels = [path.label_y for path in plot.paths if path.label_y is not None]
    assert abs(labels[0] - labels[1]) >= 15  # two lines that end at the same height are named one under the other
    assert plot.limit_y is not None


def test_bars_stand_upon_each_other_and_begin_at_zero():
    plot = plot_of(Chart("x", "X", "", DAYS, [Series("a", [1.0] * 7), Series("b", [3.0] * 7)], bars=True, top=4.4))
    below, above = plot.bars[:2]
    assert above.height == pytest.approx(3 * below.height)
    assert above.y + above.height == pytest.approx(below.y)


def test_a_chart_of_nothing_is_empty_and_can_be_laid_out():
    chart = Chart("x", "X", "s", DAYS, [Series("a", [None] * 7), Series("labels", [0.0] * 7, shown=False)])
    assert chart.is_empty
    assert plot_of(chart).paths[0].parts == []


def test_quantiles_lie_in_their_bin_and_need_something_counted():
    counts = [0] * (len(LATENCY_BOUNDS_S) + 1)
    assert quantile(counts, 0.5) is None
    counts[4] = 10
    assert LATENCY_BOUNDS_S[3] <= quantile(counts, 0.5) <= LATENCY_BOUNDS_S[4]
    counts[-1] = 1000
    assert quantile(counts, 0.99) == LATENCY_BOUNDS_S[-1]


def test_an_answer_is_remembered_for_its_seconds_and_an_error_is_not():
    now = [0.0]
    lately = Lately(monotonic=lambda: now[0])
    asked = []
    for at, wanted in ((0.0, 1), (4.9, 1), (5.1, 2)):
        now[0] = at
        assert lately.of("key", 5, lambda: asked.append(1) or len(asked)) == wanted
    with pytest.raises(OSError):
        lately.of("other", 5, lambda: (_ for _ in ()).throw(OSError()))
    assert lately.of("other", 5, lambda: "well") == "well"
    for number in range(1000):
        lately.of(number, 5, str)
    assert len(lately._known) < 300


def test_who_waits_for_an_answer_that_fails_does_not_wait_for_the_next_try():
    lately, asked, held = Lately(), [], threading.Event()

    def ask():
        asked.append(1)
        assert held.wait(10)
        raise OSError

    with ThreadPoolExecutor(10) as threads:
        all_of_them = [threads.submit(lately.of, "key", 5, ask) for _ in range(10)]
        wait_for(lambda: threads._work_queue.empty() and asked, 5, "that all wait")
        time.sleep(0.1)
        held.set()
        assert all(isinstance(one.exception(10), OSError) for one in all_of_them)
    assert len(asked) == 1
    assert lately.of("key", 5, lambda: "well") == "well"
