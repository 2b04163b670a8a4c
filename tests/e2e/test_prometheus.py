"""A real Prometheus scrapes the real fleet: each panel of each dashboard shows something, and alerts fire under faults."""

import json
import math
import re
import sys
import time

import psycopg
import pytest

from adapters.onnx.model import OnnxClassifier
from adapters.postgres.connections import open_pool
from adapters.postgres.registry import PostgresRegistry
from contracts.models import ModelState
from contracts.moves import Moves
from infra.grafana.make_dashboards import DASHBOARDS, FOLDER, rendered
from infra.grafana.panels import COLOURS, POSTGRES
from learning.rollout.registering import Registrar
from local.fleet import LocalFleet
from local.ports import free_port
from tests.changed_models import changed
from tests.conftest import REPOSITORY, wait_for
from tests.e2e.conftest import Outside
from tests.e2e.test_main_job import noise_picture
from tests.plant_house import Plant
from tests.prometheus_house import Prometheus

PANELS = [(board.uid, panel) for board in DASHBOARDS for panel in board.panels]
_PRICES = {"PRICE_WORKER_HOUR": "0.05", "PRICE_SERVICES_HOUR": "0.3", "PRICE_REVIEWER_HOUR": "30"}
_LABELS = """
WITH who AS (INSERT INTO accounts (name, role) VALUES ('rita', 'reviewer') RETURNING account_id)
INSERT INTO labels (label_id, event_id, account_id, choice, purpose, origin, took_ms, known)
SELECT gen_random_uuid(), event_id, account_id, 'glass', CASE place WHEN 1 THEN 'gold' ELSE 'review' END, 'desk', 4000,
    CASE place WHEN 1 THEN 'glass' END
FROM (SELECT event_id, row_number() OVER () AS place FROM review_items) r, who
"""


class WatchedFleet(LocalFleet):
    """The demo's fleet with the slow loop, and prices."""

    def role_environment(self, name):
        return super().role_environment(name) | (_PRICES if name == "monitor" else {})

    def start_slow(self):
        """Start the slow loop, which looks every other second."""
        self.health_ports["learning"] = port = free_port()
        environment = self.environment("learning") | {"HEALTH_PORT": str(port), "LOOK_EVERY_S": "2"}
        self.supervisor.start("learning", [sys.executable, "-m", "waste", "slow"], env=environment)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with WatchedFleet(tmp_path_factory.mktemp("watched"), desk=True, durable=False) as running:
        running.start_slow()
        yield running


@pytest.fixture(scope="module")
def outside(fleet):
    return Outside(fleet)


@pytest.fixture(scope="module")
def prometheus(fleet, tmp_path_factory):
    running = Prometheus(tmp_path_factory.mktemp("prometheus"), fleet.health_ports)
    yield running
    running.stop()


def work(outside, pictures, fleet, tmp_path_factory):
    """Let all happen once that a panel shows: decisions, failures, retries, labels, another model, sensors in trouble."""
    images = [image for image, _ in pictures[:20]]
    unsure = [noise_picture(seed) for seed in range(4)]
    outside.await_outcomes(outside.send([*images, *unsure, b"\xff\xd8 no picture"]))
    outside.send_url("s3://waste-images/nothing-is-here.jpg")
    with open_pool(fleet.stack.postgres.url("waste"), name="work", max_size=2) as pool:
        registry = PostgresRegistry(pool)
        path, _ = changed(tmp_path_factory.mktemp("model"), lambda model: None)
        registrar = Registrar(registry, outside.objects, lambda path, sha256: vars(OnnxClassifier.load(path, sha256).facts))
        version = registrar.add(path, "ada")[0].version
        Moves(registry, "ada").move(version, ModelState.CHAMPION, "test")
        with psycopg.connect(fleet.stack.postgres.url("waste"), autocommit=True) as sql:
            plant = Plant(dict.fromkeys(("intake", "worker", "learning"), pool), sql)
            plant.decided(*range(0, 4000, 100))
            plant.tell(*range(0, 4000, 100), category="plastic")
            plant.join()
            wait_for(lambda: sql.execute("SELECT count(*) FROM review_items").fetchone()[0] >= 4, what="items of review")
            sql.execute(_LABELS)
            sql.execute("INSERT INTO sensors (sensor_id, missing) VALUES ('bin-quiet', '{[3,5)}')")
            sql.execute("INSERT INTO alerts (kind, subject, evidence) VALUES ('sensor_faulty', 'bin-1', '{\"fault\": \"dark\"}')")
    fleet.supervisor.kill("monitor")
    fleet.start_role("monitor")  # which looks at all of it at once, and not in a minute
    time.sleep(2)  # what is counted for the first time is no rate yet
    outside.await_outcomes(outside.send([*images, *unsure, b"\xff\xd8 no picture"]))


def shown(query, prometheus):
    found = prometheus.ask(query.replace("$__rate_interval", "5m"))
    return any(not math.isnan(value) for _, value in found)


def told(query, url):
    query = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 > now() - interval '7 days'", query)
    query = re.sub(r"\$__timeGroupAlias\((\w+), '(\w+)'\)", r"date_bin('\2', \1, '2000-01-01') AS time", query)
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def test_the_dashboards_are_what_the_script_writes():
    assert {path.name for path in FOLDER.iterdir()} == set(rendered())
    for name, text in rendered().items():
        assert (FOLDER / name).read_text("utf-8") == text, f"{name}: python -m infra.grafana.make_dashboards"
        board = json.loads(text)
        places = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in board["panels"]]
        assert len(set(places)) == len(places)
        assert all(one["gridPos"]["x"] + one["gridPos"]["w"] <= 24 for one in board["panels"])


def test_categories_have_the_colours_that_they_have_at_the_desk():
    css = (REPOSITORY / "dlq_review" / "web" / "static" / "desk.css").read_text("utf-8")
    for category, colour in COLOURS.items():
        assert re.search(rf"--{category}(-c)?: {colour};", css), category


@pytest.mark.timeout(240)
def test_each_panel_of_each_dashboard_shows_something_of_a_fleet_that_works(outside, pictures, fleet, prometheus, tmp_path_factory):
    work(outside, pictures, fleet, tmp_path_factory)
    asked = [(uid, panel.title, query) for uid, panel in PANELS if panel.source is not POSTGRES for query in panel.queries.values()]
    assert len(asked) > 40

    def empty():
        outside.send([pictures[0][0]])  # a rate of the last seconds wants something in them
        return [one for one in asked if not shown(one[2], prometheus)]

    wait_for(lambda: not empty(), 90, lambda: f"panels that show nothing: {empty()}")
    for uid, panel in PANELS:
        if panel.source is POSTGRES:
            assert told(*panel.queries.values(), fleet.database_urls["reader"]), (uid, panel.title)


@pytest.mark.timeout(240)
def test_alerts_fire_under_faults_and_end_with_them(outside, pictures, fleet, prometheus):
    images = [image for image, _ in pictures[:5]]
    faults = {"WasteRoleGone", "WasteNoProgress", "WasteEventsOld", "WasteFailures", "WasteDependencyAway"}
    wait_for(lambda: not prometheus.firing() & faults, 30, lambda: f"silence, but {prometheus.firing()}")
    fleet.supervisor.kill("worker-1")
    ids = outside.send(images)
    here = {"WasteRoleGone", "WasteNoProgress", "WasteEventsOld"}
    wait_for(lambda: prometheus.firing() >= here, 60, lambda: f"alerts of a dead worker; there are {prometheus.firing()}")
    series = 'waste_outcomes_total{role="worker"}'
    assert prometheus.ask(series) == []  # a dead worker's series end
    fleet.start_role("worker-1")
    outside.await_outcomes(ids)
    wait_for(lambda: not prometheus.firing() & faults, 60, lambda: f"the end of {prometheus.firing()}")
    broken = [b"\xff\xd8 no picture %d" % number for number in range(40)]
    outside.send([*broken, *images])
    wait_for(lambda: "WasteFailures" in prometheus.firing(), 60, "the alert of failures")
    (lost,) = prometheus.ask("sum(waste_loss_events_total)")
    assert lost[1] == 0
