"""`waste fleet status`: what it counts, for whom, and what it reads of a large ledger."""

import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from typing import ClassVar
from uuid import uuid4

import pytest

from adapters.postgres.connections import open_pool
from adapters.postgres.fleet import _CAME, _OPEN, _WENT, PostgresFleet
from adapters.postgres.intake import PostgresIntakeLedger
from adapters.postgres.worker import PostgresWorkerLedger
from adapters.queues import open_message_queue
from contracts.ledger import WorkerPulse
from contracts.names import EDGE_QUEUE, OutcomeKind
from intake.fleet import main
from local.database import ensure_logins
from local.ports import free_port
from tests.conftest import REPOSITORY, wait_for
from tests.makers import a_message, accepted, an_event, an_outcome

CLOSED = 300_000
OPEN = 16_384
"""As many as intake lets wait for workers: 256 wake-ups of 64."""


@pytest.fixture
def urls(stack, database_url, sql, tmp_path):
    return ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2])


@pytest.fixture
def pools(urls):
    pools = {role: open_pool(urls[role], name=role, max_size=1) for role in ("intake", "worker", "reader")}
    yield pools
    for pool in pools.values():
        pool.close()


@pytest.fixture
def fleet(pools):
    """Ten events: three decided, two in flight, one later, four waiting; two workers, one of them on its way out."""
    events = [an_event() for _ in range(10)]
    PostgresIntakeLedger(pools["intake"]).accept([accepted(event) for event in events], [])
    worker, owner = PostgresWorkerLedger(pools["worker"]), uuid4()
    worker.beat(WorkerPulse(owner, "east", 11, "0.1.0", "m1", decided_last_minute=3, events_per_s=50.0))
    worker.beat(WorkerPulse(uuid4(), "west", 12, "0.1.0", "m2", draining=True, model_problem="too large"))
    worker.claim([event.event_id for event in events[:6]], owner, 60)
    kinds = (OutcomeKind.PREDICTION, OutcomeKind.REVIEW, OutcomeKind.FAILURE)
    worker.record([an_outcome(event, kind) for event, kind in zip(events, kinds, strict=False)], owner)
    worker.postpone({events[3].event_id: 60.0}, owner, {events[3].event_id: "image_missing"})
    return events


def run(monkeypatch, capsys, url, redis_url, *arguments):
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("QUEUE_URL", redis_url)
    assert main(["status", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("role", ["reader", "intake"])
def test_events_are_counted_by_where_they_are(fleet, pools, role):
    flow = PostgresFleet(pools[role]).status().flow
    assert (flow.waiting, flow.in_flight, flow.later) == (4, 2, 1)
    assert flow.in_1m == pytest.approx(10 / 60)
    assert flow.in_5m == pytest.approx(10 / 300)
    assert flow.out_1m == pytest.approx(3 / 60)
    assert flow.out_5m == pytest.approx(3 / 300)
    assert 0 <= flow.oldest_s < 30


def test_a_worker_that_drains_or_is_silent_does_not_count_as_working(fleet, pools, sql):
    status = PostgresFleet(pools["reader"]).status()
    assert [(worker.host, worker.draining) for worker in status.workers] == [("east", False), ("west", True)]
    assert [worker.host for worker in status.working] == ["east"]
    sql.execute("UPDATE workers SET heartbeat_at = now() - interval '8 s'")
    assert PostgresFleet(pools["reader"]).status().working == []


def test_an_hour_old_event_is_no_rate_and_is_the_oldest(fleet, pools, sql):
    sql.execute("UPDATE events SET received_at = now() - interval '1 hour' WHERE event_id = %s", (fleet[9].event_id,))
    flow = PostgresFleet(pools["reader"]).status().flow
    assert flow.in_5m == pytest.approx(9 / 300)
    assert flow.oldest_s == pytest.approx(3600, abs=30)


def test_what_intake_refuses_at_the_door_did_not_go_through_a_worker(fleet, pools, sql):
    sql.execute("UPDATE outcomes SET attempts = 0 WHERE kind = 'failure'")
    assert PostgresFleet(pools["reader"]).status().flow.out_1m == pytest.approx(2 / 60)


def test_the_command_counts_the_edge_queue_and_the_seconds_of_backlog(fleet, urls, redis_url, monkeypatch, capsys):
    said = json.loads(run(monkeypatch, capsys, urls["intake"], redis_url, "--json"))
    assert said["on_edge_queue"] == 0
    assert said["backlog"] == 6
    assert said["backlog_s"] == pytest.approx(6 / 50)
    assert [worker["decided_last_minute"] for worker in said["workers"]] == [3, 0]


def test_events_that_are_not_in_the_ledger_yet_are_counted_and_may_be_the_oldest(fleet, urls, redis_url, monkeypatch, capsys):
    queue = open_message_queue(redis_url, EDGE_QUEUE, lease_s=60, region="eu-central-1")
    queue.publish([a_message(an_event()) for _ in range(3)])
    time.sleep(0.2)
    said = json.loads(run(monkeypatch, capsys, urls["intake"], redis_url, "--json"))
    assert (said["on_edge_queue"], said["backlog"]) == (3, 9)
    assert said["edge_oldest_s"] >= 0.2
    assert said["oldest_s"] == max(said["edge_oldest_s"], said["flow"]["oldest_s"])


def test_a_queue_that_is_away_is_said_and_the_rest_is_told(fleet, urls, monkeypatch, capsys):
    shown = run(monkeypatch, capsys, urls["reader"], "redis://127.0.0.1:1/0")
    assert "unknown on the edge queue, 4 waiting, 2 in flight, 1 later" in shown
    assert "east/11" in shown
    assert "m2 (too large)" in shown


FILL = """
INSERT INTO events (event_id, sensor_id, image_url, captured_at, sequence, schema_version, attributes, body_sha256, received_at, open)
SELECT overlay(gen_random_uuid()::text PLACING substr(first_event_id(t)::text, 1, 13) FROM 1)::uuid, 'bin', 's3://b/k', t, n, 1, '{}', '', t, n > %(closed)s
FROM (SELECT n, now() - make_interval(secs => (%(closed)s + %(open)s - n) / 300.0) AS t FROM generate_series(1, %(closed)s + %(open)s) n) s
"""
PREDICT = """
INSERT INTO predictions (event_id, model_version, category, confidence, plastic, paper, glass, metal, organic, queued_ms, fetch_ms,
    decode_ms, inference_ms, record_ms, processing_time_ms, predicted_at)
SELECT event_id, 'm', 'glass', 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, received_at FROM events WHERE NOT open ORDER BY received_at
"""


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def test_a_large_ledger_is_not_read_and_the_answer_comes_at_once(pools, sql):
    sql.execute(FILL, {"closed": CLOSED, "open": OPEN})
    sql.execute(PREDICT)
    for index in ("events_by_time", "predictions_by_time"):  # as autovacuum does
        for (part,) in sql.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", (index,)
        ).fetchall():
            sql.execute("SELECT brin_summarize_new_values(%s::regclass)", (part,))
    fleet, took = PostgresFleet(pools["reader"]), []
    for _ in range(5):
        began = time.perf_counter()
        flow = fleet.status().flow
        took.append(time.perf_counter() - began)
    assert flow.waiting == OPEN
    assert flow.in_5m == pytest.approx(300, rel=0.05)
    sql.execute("SET enable_seqscan = off")
    for question in (_OPEN, _CAME, _WENT):
        (answer,) = sql.execute("EXPLAIN (FORMAT JSON) " + question).fetchone()
        (plan,) = answer if isinstance(answer, list) else json.loads(answer)
        assert not [node for node in nodes(plan["Plan"]) if node["Node Type"] == "Seq Scan" and node["Relation Name"] != "workers"]
    print(f"status of {CLOSED + OPEN} events: {min(took) * 1000:.0f} ms")
    assert min(took) < 0.1


class Cloud(http.server.BaseHTTPRequestHandler):
    """Takes what is put, and cannot answer as CloudWatch does."""

    bodies: ClassVar[list[bytes]] = []

    def do_POST(self):
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_the_publisher_puts_the_load_stays_alive_while_it_is_refused_and_ends_when_told(fleet, urls, redis_url):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Cloud)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": urls["reader"], "QUEUE_URL": redis_url, "HEALTH_PORT": str(port)}
    environment |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
    }
    environment |= {"AWS_EC2_METADATA_DISABLED": "true", "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen([sys.executable, "-m", "waste", "fleet", "scale", "publish"], env=environment) as process:
        try:
            wait_for(lambda: Cloud.bodies, 30, "a request")
            assert b"backlog_seconds_per_task" in Cloud.bodies[0]
            assert b"worker_utilization" in Cloud.bodies[0]
            assert urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=5).status == 200
        finally:
            process.terminate()
            ended = process.wait(30)
            server.shutdown()
    assert ended == 0
