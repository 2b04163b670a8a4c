"""`waste fleet scale`: what it runs, what it refuses, and the figures for scalers elsewhere."""

import dataclasses
import json
import math
import sys
import time
from datetime import UTC, datetime
from uuid import UUID

import boto3
import pytest
from botocore.stub import Stubber

from adapters.aws.cloudwatch import CloudWatch
from contracts.errors import LedgerUnavailable, MetricsUnavailable, QueueUnavailable, RequestRefused
from contracts.fleet import FleetStatus, Flow, WorkerState
from contracts.scaling import Limits, load_of
from intake.fleet import main, put_load
from intake.fleet_scale import read_load, run_command, scale
from intake.fleet_status import as_json, as_text
from intake.load import LoadWatch, utilization, workers_needed

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def a_worker(**changes):
    values = {
        "owner": UUID(int=1), "host": "h", "pid": 1, "version": "0", "model_version": "m", "model_problem": "", "revision": 0,
        "started_at": NOW, "heartbeat_at": NOW, "up_s": 900.0, "silent_s": 1.0, "alive": True, "draining": False,
        "decided_last_minute": 5, "events_per_s": 50.0,
    }  # fmt: skip
    return WorkerState(**(values | changes))


def a_status(waiting=5000, edge=1000, workers=2, **changes):
    flow = Flow(waiting, 0, 0, 12.0, 10.0, 5.0, 1.0, 1.0)
    made = FleetStatus(flow, [a_worker(up_s=900.0 + n) for n in range(workers)] if isinstance(workers, int) else workers, 0, edge)
    return dataclasses.replace(made, **changes)


class Desk:
    """What was run and written."""

    def __init__(self):
        self.ran, self.written = [], ""

    def scale(self, count, status, *, dry=False, limits=None):
        scale(count, lambda: as_json(status), limits or Limits(1, 8, target_s=30), self.ran.append, self.write, dry=dry)

    def write(self, text):
        self.written += text


@pytest.fixture
def desk():
    return Desk()


def test_a_backlog_brings_up_workers_and_recreates_none(desk):
    desk.scale(None, a_status())
    assert desk.ran == [("docker", "compose", "up", "-d", "--no-recreate", "--no-deps", "--scale", "worker=5", "worker")]
    assert desk.written.startswith("5 workers wanted, 2 running, 0 draining\n")


def test_a_dry_run_says_what_it_would_run_and_runs_nothing(desk):
    desk.scale(None, a_status(), dry=True)
    desk.scale(7, a_status(), dry=True)
    assert desk.ran == []
    assert "would run: docker compose up -d --no-recreate --no-deps --scale worker=5 worker\n" in desk.written
    assert "--scale worker=7 worker\n" in desk.written


def test_where_as_many_run_as_are_wanted_nothing_is_run(desk):
    desk.scale(None, a_status(waiting=0, edge=0, workers=1))
    assert desk.ran == []


def test_nobody_goes_while_a_worker_is_silent_or_drains(desk):
    idle = [a_worker(), a_worker(), a_worker(draining=True)], [a_worker(), a_worker(), a_worker(alive=False)]
    for workers in idle:
        desk.scale(None, a_status(waiting=0, edge=0, workers=workers))
    assert desk.ran == []
    desk.scale(None, a_status(waiting=0, edge=0, workers=[a_worker(), a_worker()]))
    assert desk.ran[0][-2:] == ("worker=1", "worker")


def test_a_number_is_taken_as_it_is_and_nobody_is_asked(desk):
    scale(3, pytest.fail, Limits(), desk.ran.append, desk.write, dry=False)
    assert desk.ran[0][-2:] == ("worker=3", "worker")


def test_a_backlog_that_is_not_seen_scales_nothing(desk):
    with pytest.raises(RequestRefused, match="edge queue does not answer"):
        desk.scale(None, a_status(edge=None))
    assert desk.ran == []


@pytest.mark.parametrize("status", [a_status(), a_status(workers=0), a_status(workers=3, waiting=0)])
def test_the_load_is_the_same_after_its_way_through_json(status):
    assert read_load(as_json(status)) == load_of(status)
    assert "Infinity" not in as_json(status)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"on_edge_queue": 1, "load": {"youngest_s": 1, "x": 2}}'])
def test_what_is_no_state_is_refused(text):
    with pytest.raises(RequestRefused, match="no state of a fleet"):
        read_load(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"backlog": "9"},
        {"backlog": math.nan},
        {"backlog": 1.5},
        {"backlog": -1},
        {"running": None},
        {"running": True},
        {"events_in_per_s": math.inf},
        {"events_in_per_s": []},
        {"worker_events_per_s": math.nan},
        {"worker_events_per_s": -3},
        {"draining": "no"},
        {"youngest_s": "old"},
        {"youngest_s": math.nan},
    ],
)
def test_figures_that_are_none_are_refused_and_scale_nothing(desk, wrong):
    said = json.loads(as_json(a_status()))
    said["load"] |= wrong
    with pytest.raises(RequestRefused, match="no state of a fleet"):
        scale(None, lambda: json.dumps(said), Limits(), desk.ran.append, desk.write, dry=False)
    assert desk.ran == []


def test_a_command_that_hangs_ends_with_all_that_it_has_started(tmp_path, monkeypatch):
    monkeypatch.setattr("intake.fleet_scale._TIMEOUT_S", 0.5)
    mark = tmp_path / "beside"
    program = f"(while :; do date +%s%N > {mark}; sleep 0.05; done) & wait"
    began = time.monotonic()
    with pytest.raises(RequestRefused, match=r"cannot be run: .*timed out"):
        run_command(["sh", "-c", program])
    assert time.monotonic() - began < 5
    time.sleep(0.2)
    last = mark.read_text()
    time.sleep(0.3)
    assert mark.read_text() == last


def test_what_is_no_text_is_refused_like_any_other():
    said = run_command([sys.executable, "-c", "import sys; sys.stdout.buffer.write(bytes([255, 254]))"])
    with pytest.raises(RequestRefused, match="no state of a fleet"):
        read_load(said)


def test_a_command_that_fails_is_told_by_its_last_line():
    with pytest.raises(RequestRefused, match="no such service"):
        run_command([sys.executable, "-c", "import sys; sys.exit('first\\nno such service')"])
    with pytest.raises(RequestRefused, match="cannot be run"):
        run_command(["no-such-program-here"])
    assert run_command([sys.executable, "-c", "print(5)"]) == "5\n"


def test_backlog_in_seconds_is_by_the_larger_of_the_rate_out_and_what_workers_measured():
    assert a_status().backlog_s == pytest.approx(6000 / 100)
    busy = a_status(flow=Flow(5000, 0, 0, 12.0, 10.0, 5.0, 200.0, 1.0))
    assert busy.backlog_s == pytest.approx(6000 / 200)
    assert a_status(workers=[]).backlog_s == pytest.approx(6000 / 1.0)
    nobody = a_status(workers=[], flow=Flow(5000, 0, 0, 12.0, 10.0, 5.0, 0.0, 0.0))
    assert nobody.backlog_s == 12.0
    assert a_status(waiting=0, edge=0).backlog_s == 0.0


def test_people_read_who_drains_is_silent_or_behind():
    workers = [a_worker(draining=True), a_worker(alive=False), a_worker(revision=4, events_per_s=0.0)]
    shown = "".join(as_text(a_status(workers=workers, revision=4)))
    assert [line.split()[1] for line in shown.splitlines()[-3:]] == ["draining", "silent", "working"]
    assert "0 of 4" in shown


@pytest.fixture
def cloud():
    client = boto3.client("cloudwatch", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="y")
    with Stubber(client) as stub:
        yield CloudWatch(client), stub


def test_cloudwatch_gets_seconds_of_backlog_and_how_busy_workers_are(cloud):
    metrics, stub = cloud
    data = [
        {"MetricName": "backlog_seconds_per_task", "Value": 60.0, "Unit": "Seconds"},
        {"MetricName": "worker_utilization", "Value": 0.1, "Unit": "None"},
    ]
    stub.add_response("put_metric_data", {}, {"Namespace": "waste", "MetricData": data})
    put_load(metrics, a_status())
    stub.assert_no_pending_responses()


def test_what_is_not_known_is_not_put(cloud):
    put_load(cloud[0], None)  # the stub would refuse any request


def test_a_refusal_of_cloudwatch_is_waited_for(cloud):
    metrics, stub = cloud
    stub.add_client_error("put_metric_data", "Throttling")
    with pytest.raises(MetricsUnavailable, match="Throttling"):
        put_load(metrics, a_status())


def test_figures_are_told_once_in_their_time_and_withdrawn_when_they_are_not_known():
    told, answers = [], [a_status(), a_status(edge=None)]
    watch = LoadWatch(lambda: answers[0], told.append, 3600)
    watch.take_one()
    watch.take_one()
    assert told == [answers[0]]
    blind = LoadWatch(lambda: answers[1], told.append, 0)
    with pytest.raises(QueueUnavailable):
        blind.take_one()
    assert told[-1] is None


def test_a_ledger_that_is_away_withdraws_them_too():
    told = []

    def away():
        raise LedgerUnavailable("gone")

    with pytest.raises(LedgerUnavailable):
        LoadWatch(away, told.append, 10).take_one()
    assert told == [None]


def test_utilization_and_workers_needed_are_of_what_comes_in_and_what_workers_measured():
    status = a_status(waiting=0, edge=0)
    assert utilization(status) == pytest.approx(10 / 100)
    assert workers_needed(status) == pytest.approx(10 / 0.8 / 50)
    assert workers_needed(a_status()) == pytest.approx((10 / 0.8 + 6000 / 5) / 50)
    unmeasured = a_status(workers=[a_worker(events_per_s=0.0)])
    assert utilization(unmeasured) == workers_needed(unmeasured) == 0.0
    assert math.isinf(load_of(a_status(workers=[])).youngest_s)


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A docker that answers for intake and notes what it is called with."""
    (tmp_path / "status.json").write_text(as_json(a_status()), "utf-8")
    program = tmp_path / "docker"
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\n[ "$2" = exec ] && cat {tmp_path}/status.json; exit 0\n', "utf-8"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for name in ("DATABASE_URL", "DATABASE_URL_FILE"):
        monkeypatch.delenv(name, raising=False)
    return lambda: (tmp_path / "calls").read_text("utf-8").splitlines()


def test_without_a_database_the_intake_of_compose_is_asked(docker, capsys):
    assert main(["scale", "auto", "--most", "4"]) == 0
    asked, ran = docker()
    assert asked == "compose exec -T intake waste fleet status --json"
    assert ran == "compose up -d --no-recreate --no-deps --scale worker=4 worker"
    assert capsys.readouterr().out.startswith("4 workers wanted, 2 running")


@pytest.mark.parametrize("arguments", [["--least", "9", "--most", "3"], ["--least", "9"]])
def test_bounds_that_contradict_each_other_are_told(docker, arguments):
    with pytest.raises(RequestRefused, match="--least is more than --most"):
        main(["scale", "auto", *arguments])


@pytest.mark.parametrize("what", ["-1", "1001", "some", "2.5"])
def test_what_is_no_number_of_workers_is_refused(what, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["scale", what])
    assert ended.value.code == 2
    assert "invalid _" not in capsys.readouterr().err  # no name of a function
