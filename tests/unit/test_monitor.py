"""What the monitor looks at, how often, and what it says of what it cannot see."""

import math
import time
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY

from adapters.environment import read_settings
from adapters.telemetry import shown_figures as shown
from contracts.errors import LedgerUnavailable, SettingsInvalid
from contracts.figures import LossCheck, OpenEvents, Prices, ReviewWork
from contracts.messages import QueueDepth
from monitor.__main__ import MonitorSettings
from monitor.watch import LATE, LONGEST_STRETCH, SOON, STALE_S, LossWatch, Sight, Watch

START = datetime(2026, 3, 1, tzinfo=UTC)


class Ledger:
    """A ledger with a clock that is turned by hand, that remembers what it was asked for."""

    def __init__(self):
        self.time, self.asked, self.away = START, [], False

    def now(self):
        return self.time

    def losses(self, since, until):
        if self.away:
            raise LedgerUnavailable("away")
        self.asked.append((since, until))
        return LossCheck(10, 1)


def value(name, **labels):
    return REGISTRY.get_sample_value(name, labels)


def test_every_moment_is_checked_for_losses_once_when_it_has_settled():
    ledger = Ledger()
    watch = LossWatch(ledger, SOON)
    for _ in range(20):
        watch.look()
        ledger.time += timedelta(minutes=1)
    assert ledger.asked[0] == (START - SOON - LONGEST_STRETCH, START - SOON)
    assert all(before[1] == after[0] for before, after in zip(ledger.asked, ledger.asked[1:], strict=False))
    assert ledger.asked[-1][1] == ledger.time - timedelta(minutes=1) - SOON


def test_after_an_outage_what_was_not_checked_is_in_bounded_steps():
    ledger = Ledger()
    watch = LossWatch(ledger, SOON)
    watch.look()
    ledger.away, ledger.time = True, ledger.time + timedelta(hours=1)
    with pytest.raises(LedgerUnavailable):
        watch.look()
    ledger.away = False
    for _ in range(30):
        watch.look()
    assert ledger.asked[-1][1] == ledger.time - SOON
    assert all(until - since <= LONGEST_STRETCH for since, until in ledger.asked)
    assert all(before[1] == after[0] for before, after in zip(ledger.asked, ledger.asked[1:], strict=False))


def test_a_clock_that_was_set_back_is_waited_for():
    ledger = Ledger()
    watch = LossWatch(ledger, SOON)
    watch.look()
    watch.look()
    ledger.time -= timedelta(hours=1)
    assert watch.look() == LossCheck(0, 0)
    assert len(ledger.asked) == 1


def test_counts_begin_at_zero_and_an_event_that_was_open_soon_after_is_checked_again_a_day_later():
    ledger = Ledger()
    watches = {"soon": LossWatch(ledger, SOON), "late": LossWatch(ledger, LATE)}
    for check, watch in watches.items():
        shown.show_losses(check, watch.look())
        assert value("waste_loss_events_total", check=check) is not None
    assert ledger.asked == []
    for watch in watches.values():
        watch.look()
    assert [until for _, until in ledger.asked] == [START - timedelta(minutes=5), START - timedelta(days=1)]


def test_what_cannot_be_seen_is_shown_as_not_known_and_all_else_is_looked_at_all_the_same():
    shows, seen = [], []

    def away():
        raise LedgerUnavailable("away")

    def show(found):
        shows.append(found)

    watch = Watch([Sight("first", 60, away, show), Sight("second", 60, lambda: 2, show)], seen.append)
    with pytest.raises(LedgerUnavailable):
        watch.take_one()
    assert (shows, seen) == ([None, 2], ["second"])
    with pytest.raises(LedgerUnavailable):
        watch.take_one()  # what was seen is not looked at again before its time, and what was not is
    assert (shows, seen) == ([None, 2, None], ["second"])


def test_a_database_that_takes_long_to_be_away_does_not_keep_the_queues_from_being_looked_at(monkeypatch):
    clock, asked, shows = [0.0], [], []
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def look(what, took_s):
        asked.append(what)
        clock[0] += took_s
        if took_s:
            raise LedgerUnavailable("no connection")

    ledger = [Sight(f"table {n}", 10, lambda n=n: look(n, 5.0), shows.append, "ledger") for n in range(6)]
    watch = Watch([*ledger, Sight("queue", 10, lambda: look("queue", 0), lambda found: None, "queues")], lambda what: None)
    with pytest.raises(LedgerUnavailable):
        watch.take_one()
    assert (asked, clock[0], shows) == ([0, "queue"], 5.0, [None] * 6)


def test_what_is_away_at_once_keeps_nothing_else_from_being_looked_at():
    def no_right():
        raise LedgerUnavailable("permission denied")

    shows = []
    watch = Watch([Sight("one", 10, no_right, shows.append, "ledger"), Sight("two", 10, lambda: 2, shows.append, "ledger")], print)
    with pytest.raises(LedgerUnavailable):
        watch.take_one()
    assert shows == [None, 2]


def test_an_error_that_nobody_foresaw_keeps_nothing_else_from_being_looked_at():
    def broken():
        raise ValueError("odd")

    shows = []
    watch = Watch([Sight("one", 10, broken, shows.append), Sight("two", 10, lambda: 2, shows.append)], print)
    with pytest.raises(ValueError, match="odd"):
        watch.take_one()
    assert shows == [None, 2]


@pytest.mark.parametrize(
    "server", ["a..b:443", ".:443", "a.example:0", "a.example:65536", "a.example", "a.example:443x", f"{'a' * 64}:1", "a b:1"]
)
def test_a_server_that_no_certificate_can_be_asked_of_is_refused_at_the_start(server):
    with pytest.raises(SettingsInvalid, match="CERTIFICATE_SERVERS"):
        read_settings(
            MonitorSettings, {"DATABASE_URL": "postgresql://a@b/c", "REDIS_URL": "redis://a", "CERTIFICATE_SERVERS": server}
        )


def test_what_was_not_seen_for_a_while_is_not_known_any_more(monkeypatch):
    shows = []
    watch = Watch([Sight("quick", 10, lambda: 1, shows.append), Sight("rare", 3600, lambda: 2, shows.append)], lambda what: None)
    watch.take_one()
    watch.forget_old()
    assert shows == [1, 2]
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + STALE_S + 1)
    watch.forget_old()
    assert shows == [1, 2, None]


def test_open_events_are_shown_and_what_is_not_known_is_no_number():
    shown.show_open_events(OpenEvents(3, 2, 1, 0, 4.5, None))
    assert value("waste_events_open", state="in_flight") == 2
    assert value("waste_events_oldest_seconds") == 4.5
    assert value("waste_queue_oldest_seconds", queue="waste-work") == 0
    shown.show_open_events(None)
    assert math.isnan(value("waste_events_open", state="in_flight"))
    assert math.isnan(value("waste_events_oldest_seconds"))


def test_a_queue_that_tells_no_age_has_no_series_of_it():
    shown.show_queue("told", (QueueDepth(2, 1), 7.0))
    assert value("waste_queue_messages", queue="told", state="waiting") == 2
    assert value("waste_queue_oldest_seconds", queue="told") == 7
    shown.show_queue("silent", (QueueDepth(2, 1), None))
    assert value("waste_queue_oldest_seconds", queue="silent") is None
    shown.show_queue("told", (QueueDepth(0, 0), None))
    assert value("waste_queue_oldest_seconds", queue="told") == 0


@pytest.mark.parametrize(("waiting", "closed", "hours"), [(0, 0, 0), (100, 50, 48), (1, 0, math.inf)])
def test_the_hours_of_work_that_wait_are_those_at_the_last_days_speed(waiting, closed, hours):
    shown.show_review(ReviewWork(waiting, None, 0, None, 0, closed, 0, 0.0, 0, 0))
    assert value("waste_review_backlog_hours") == hours


def test_only_prices_that_are_set_are_shown():
    shown.show_prices(Prices(worker_hour=0.05))
    assert value("waste_price_hour", of="worker_hour") == 0.05
    assert value("waste_price_hour", of="reviewer_hour") is None
