"""The drift alert: opened once, told to whoever listens, closed by itself."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier

import psycopg
import pytest

from adapters.http.webhook import Webhook
from adapters.memory.surroundings import ManualClock
from adapters.postgres.accuracy import PostgresAccuracy
from adapters.postgres.alerts import PostgresAlerts
from adapters.postgres.connections import open_pool
from adapters.postgres.pictures import PostgresPictures
from adapters.postgres.registry import PostgresRegistry
from adapters.postgres.trials import PostgresTrials
from adapters.postgres.truth import PostgresTruth
from adapters.telemetry.facts import FleetTelemetry
from contracts.accuracy import Histogram
from contracts.categories import CATEGORIES
from contracts.truth import Oddity
from learning.truth.watch import AccuracyWatch
from local.database import ensure_logins

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


class Listener:
    """Somebody who is told, and may be deaf for a while."""

    def __init__(self):
        self.heard, self.status, self.takes_s, self.refuses = [], 200, 0.0, ()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                time.sleep(listener.takes_s)
                said = json.loads(body)
                status = 400 if said["subject"] in listener.refuses else listener.status
                if status == 200:
                    listener.heard.append(said)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/alerts"


@pytest.fixture
def listener():
    listener = Listener()
    yield listener
    listener.server.shutdown()
    listener.server.server_close()


@pytest.fixture
def watch(plant, listener):
    pool = plant.pools["learning"]
    clock = ManualClock(TODAY)
    decisions, alerts = PostgresAccuracy(pool, CATEGORIES), PostgresAlerts(pool)
    made = AccuracyWatch(decisions, alerts, Webhook(listener.url), clock, FleetTelemetry())
    made.clock, made.alerts = clock, alerts
    return made


def a_day(plant, day, right, wrong):
    """Let a day pass in which labels say so many right and wrong; the twin of a worker says plastic."""
    seconds = [60.0 * n for n in range(right + wrong)]
    plant.decided(*seconds, day=day)
    plant.tell(*seconds[:right], category="plastic", day=day)
    plant.tell(*seconds[right:], category="glass", day=day)
    plant.join()


def test_an_alert_opens_once_is_told_once_and_ends_by_itself(plant, watch, listener):
    first = TODAY - timedelta(days=20)
    for number in range(3):
        a_day(plant, first + timedelta(days=number), 95, 5)
    watch.clock.now = first + timedelta(days=4)
    assert not watch.look().fires
    assert listener.heard == []
    for number in range(3, 6):
        a_day(plant, first + timedelta(days=number), 60, 40)
    watch.clock.now = first + timedelta(days=7)
    for _ in range(3):
        assert watch.look().fires
    (told,) = listener.heard
    assert (told["kind"], told["state"]) == ("accuracy_fell", "firing")
    assert told["evidence"]["since"] == (first + timedelta(days=3)).date().isoformat()
    assert told["evidence"]["accuracy"] == pytest.approx(0.775)
    for number in range(6, 14):
        a_day(plant, first + timedelta(days=number), 95, 5)
    watch.clock.now = first + timedelta(days=15)
    for _ in range(2):
        assert not watch.look().fires
    assert [one["state"] for one in listener.heard] == ["firing", "resolved"]
    (alert,) = watch.alerts.recent(10)
    assert alert.resolved_at is not None


def test_four_looks_at_once_tell_of_an_alert_once(plant, watch, listener, stack, database_url, tmp_path):
    for subject in ("bin-1", "bin-2", "bin-3"):
        watch.alerts.fire("sensor_faulty", subject, {})
    listener.takes_s = 0.3
    url = ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2])["learning"]
    pools = [open_pool(url, name="look", max_size=2) for _ in range(4)]
    started = Barrier(4)

    def look(pool):
        one = AccuracyWatch(
            PostgresAccuracy(pool, CATEGORIES), PostgresAlerts(pool), Webhook(listener.url), ManualClock(TODAY), FleetTelemetry()
        )
        started.wait()
        one.tell()
        pool.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(look, pools))
    assert sorted(one["subject"] for one in listener.heard) == ["bin-1", "bin-2", "bin-3"]
    assert watch.alerts.untold() == []


def test_who_cannot_be_told_now_is_told_later(plant, watch, listener):
    listener.status = 500
    a_day(plant, TODAY - timedelta(days=3), 20, 130)
    watch.clock.now = TODAY
    watch.look()
    assert listener.heard == []
    listener.status = 200
    watch.look()
    watch.look()
    assert [one["state"] for one in listener.heard] == ["firing"]


@pytest.mark.parametrize(
    "look",
    [
        lambda pool: PostgresAccuracy(pool, CATEGORIES).buckets(TODAY - timedelta(days=7), TODAY),
        lambda pool: PostgresPictures(pool).sum_up(TODAY, 7),
        lambda pool: PostgresPictures(pool).lately(TODAY - timedelta(days=1), TODAY),
        lambda pool: PostgresTrials(pool).counts("m1", TODAY - timedelta(days=7)),
        lambda pool: PostgresTruth(pool).to_join(100, 0),
        lambda pool: PostgresTruth(pool).contest(),
        lambda pool: PostgresTruth(pool).odd(Oddity.CONTRADICTING, 20),
        lambda pool: PostgresRegistry(pool).set_shares(canary=0.2),
    ],
    ids=["accuracy", "days of sensors", "last hours of sensors", "trial", "labels to join", "contested", "odd labels", "traffic"],
)
def test_a_look_that_takes_longer_than_an_event_may_wait_is_waited_for(plant, sql, database_url, look):
    sql.execute("INSERT INTO models (version, sha256, size_bytes, object_key, state, facts, added_by) VALUES "
                "('m1', repeat('0', 64), 1, 'm1', 'canary', '{}', 'ada')")  # fmt: skip
    pool = plant.pools["learning"]
    with pool.connection() as one, pool.connection() as other:
        for connection in (one, other):
            connection.execute("SET statement_timeout = '300ms'")
    with psycopg.connect(database_url) as busy, ThreadPoolExecutor(1) as threads:
        busy.execute("LOCK TABLE predictions, ground_truth, events")
        looking = threads.submit(look, pool)
        time.sleep(1)
        busy.rollback()
        looking.result(10)


def test_months_before_what_is_asked_for_are_not_touched(plant, watch, sql, database_url):
    """A fleet that has run for years is looked at as fast as one that has run for a month."""
    a_day(plant, TODAY - timedelta(days=3), 5, 5)
    long_ago = TODAY - timedelta(days=100)
    sql.execute("SELECT create_month(%s)", (long_ago.date(),))
    watch.clock.now = TODAY
    with psycopg.connect(database_url) as other, ThreadPoolExecutor(1) as pool:
        for table in ("events", "predictions", "outcomes"):
            other.execute(f"LOCK TABLE {table}_{long_ago:%Y_%m} IN ACCESS EXCLUSIVE MODE")
        looking = pool.submit(lambda: (watch.look(), watch.warn()))
        try:
            assert looking.result(10)[0].labels == 10
        finally:
            other.rollback()


def test_an_alert_that_is_not_taken_keeps_no_other_from_being_told(plant, watch, listener):
    for name in ("bin-1", "bin-2", "bin-3"):
        watch.alerts.fire("sensor_faulty", name, {})
    listener.refuses = ("bin-1",)
    watch.tell()
    watch.tell()
    assert sorted(one["subject"] for one in listener.heard) == ["bin-2", "bin-3"]
    listener.refuses = ()
    watch.tell()
    assert [one["subject"] for one in listener.heard][2:] == ["bin-1"]


def test_however_many_alerts_are_not_taken_another_one_is_told(plant, watch, listener):
    refused = [f"bin-{number}" for number in range(5)]
    for name in (*refused, "bin-9"):
        watch.alerts.fire("sensor_faulty", name, {})
    listener.refuses = refused
    for _ in range(60):  # half of the rounds come to it
        watch.tell()
    assert [one["subject"] for one in listener.heard] == ["bin-9"]


def test_an_alert_that_closes_while_another_tells_that_it_is_open_is_told_as_open_once(plant, watch, listener):
    watch.alerts.fire("sensor_faulty", "bin-1", {})
    (read,) = watch.alerts.untold()  # and then held up by another alert, whose listener takes its time
    watch.tell()
    watch.alerts.resolve("sensor_faulty", "bin-1", {})
    with watch.alerts.telling(read) as mine:
        assert not mine
    watch.tell()
    assert [one["state"] for one in listener.heard] == ["firing", "resolved"]


def test_labels_that_are_still_awaited_are_not_judged(plant, watch):
    a_day(plant, TODAY - timedelta(hours=12), 0, 200)
    watch.clock.now = TODAY
    found = watch.look()
    assert (found.labels, found.fires) == (0, False)


def test_an_empty_week_is_no_alarm_and_ends_none(plant, watch):
    watch.alerts.fire("accuracy_fell", "", {})
    assert not watch.look().fires
    assert watch.alerts.recent(1)[0].resolved_at is None


def test_another_mix_is_warned_of_without_a_label_and_over_when_it_is_the_usual_one(plant, watch, listener, sql):
    for number in range(1, 29, 4):
        plant.decided(*range(0, 6000, 100), day=TODAY - timedelta(days=7 + number))
    plant.decided(*range(0, 36_000, 100), day=TODAY - timedelta(days=2))
    watch.clock.now = TODAY
    assert not any(shift.warns for shift in watch.warn().values())
    sql.execute("UPDATE predictions SET category = 'glass', confidence = 0.55 FROM events e WHERE e.event_id = predictions.event_id "
                "AND e.captured_at >= %s", (TODAY - timedelta(days=7),))  # fmt: skip
    assert all(watch.warn()[of.value].warns for of in Histogram)
    watch.warn()
    assert sorted((one["kind"], one["subject"], one["state"]) for one in listener.heard) == [
        ("shifted", "category", "firing"),
        ("shifted", "confidence", "firing"),
    ]
    sql.execute("UPDATE predictions SET category = 'plastic', confidence = 0.9")
    watch.warn()
    assert [one["state"] for one in listener.heard[2:]] == ["resolved", "resolved"]


def test_pictures_that_the_model_sees_otherwise_are_warned_of_until_it_is_another_models_turn(plant, watch, listener, sql):
    for number in range(1, 29, 4):
        plant.decided(*range(0, 6000, 100), day=TODAY - timedelta(days=7 + number))
    plant.decided(*range(0, 36_000, 100), day=TODAY - timedelta(days=2))
    watch.clock.now = TODAY
    sees = "UPDATE predictions SET sketch = decode(lpad(to_hex({} + (random() * 60)::int), 2, '0') || repeat('80', 15), 'hex') "
    lately = "FROM events e WHERE e.event_id = predictions.event_id AND e.captured_at >= %s"
    sql.execute(sees.format(100))
    assert watch.warn()["embeddings"].calm
    sql.execute(sees.format(150) + lately, (TODAY - timedelta(days=7),))
    found = watch.warn()["embeddings"]
    assert found.warns
    assert (found.before, found.now) == (420, 360)
    watch.warn()
    assert [(one["subject"], one["state"]) for one in listener.heard] == [("embeddings", "firing")]
    sql.execute("UPDATE predictions SET model_version = 'm2' " + lately, (TODAY - timedelta(days=7),))
    watch.warn()
    assert [one["state"] for one in listener.heard] == ["firing"]
    sql.execute("UPDATE predictions SET model_version = 'm2'; " + sees.format(100))
    watch.warn()
    assert [one["state"] for one in listener.heard] == ["firing", "resolved"]
