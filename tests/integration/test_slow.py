"""`waste slow` as it runs in production: Celery beat and its worker, against the real queue and ledger."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
import redis

from adapters.celery.schedule import schedule_app
from contracts.names import SLOW_QUEUE
from local.database import ensure_logins
from local.ports import free_port
from tests.conftest import wait_for
from tests.faults.proxy import Proxy
from tests.plant_house import Plant


@pytest.fixture
def environment(stack, database_url, redis_url, tmp_path):
    urls, at = ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2]), stack.addresses
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": urls["learning"],
        "QUEUE_URL": redis_url,
        "S3_ENDPOINT_URL": at.s3_endpoint,
        "S3_BUCKET": at.s3_bucket,
        "AWS_ACCESS_KEY_ID": at.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": at.s3_secret_key,
        "LOOK_EVERY_S": "1",
        "RETRAIN_EVERY_DAYS": "0",
        "MODEL_CACHE": str(tmp_path / "models"),
    }


LINUX = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are read from Linux")


@contextmanager
def slow_loop(environment, log):
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-m", "waste", "slow"], env=environment, stdout=file, stderr=file)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
                raise


def test_labels_are_joined_again_and_again_and_a_signal_ends_it(plant, environment, tmp_path, redis_url):
    junk = ["no JSON", '{"a": 1}', '{"properties": {}, "headers": {}, "body": ""}']
    redis.Redis.from_url(redis_url).lpush(SLOW_QUEUE, *junk)
    with slow_loop(environment, tmp_path / "log") as process:
        for number in range(2):  # not only at the start: by beat, too
            plant.decided(100 + number * 100)
            plant.tell(101 + number * 100)
            wait_for(
                lambda: plant.sql.execute("SELECT count(*) FROM ground_truth WHERE match IS NULL").fetchone()[0] == 0,
                30,
                (tmp_path / "log").read_text,
            )
    assert process.returncode == 0
    text = (tmp_path / "log").read_text()
    assert "Traceback" not in text
    assert text.count("work_queue_item_dropped") == len(junk)
    assert '"accuracy_watched"' in text
    assert redis.Redis.from_url(redis_url).llen(SLOW_QUEUE) <= 8


def test_a_queue_that_is_away_at_the_start_is_waited_for(plant, environment, tmp_path, redis_url):
    at = urlsplit(redis_url)
    with Proxy(at.port) as proxy:
        proxy.cut()
        environment["QUEUE_URL"] = redis_url.replace(f":{at.port}", f":{proxy.port}")
        with slow_loop(environment, tmp_path / "log") as process:
            wait_for((tmp_path / "log").read_text, 30)
            time.sleep(8)
            assert process.poll() is None, (tmp_path / "log").read_text()[-500:]
            proxy.mend()
            plant.decided(100)
            plant.tell(101)
            matched = "SELECT count(*) FROM ground_truth WHERE match = 'matched'"
            wait_for(lambda: plant.sql.execute(matched).fetchone()[0] == 1, 30, (tmp_path / "log").read_text)


def test_a_queue_that_is_full_at_the_start_is_waited_for(plant, environment, tmp_path, redis_url):
    client = redis.Redis.from_url(redis_url)
    before = client.config_get("maxmemory")["maxmemory"]
    client.config_set("maxmemory", "1mb")
    try:
        with slow_loop(environment, tmp_path / "log") as process:
            wait_for(lambda: "queue_full" in (tmp_path / "log").read_text() or process.poll(), 30)
            assert process.poll() is None, (tmp_path / "log").read_text()[-500:]
            client.config_set("maxmemory", before)
            wait_for(lambda: '"accuracy_watched"' in (tmp_path / "log").read_text(), 30, (tmp_path / "log").read_text)
    finally:
        client.config_set("maxmemory", before)


@LINUX
def test_what_is_killed_leaves_nobody_behind(environment, tmp_path):
    with slow_loop(environment, tmp_path / "log") as process:
        wait_for(lambda: '"accuracy_watched"' in (tmp_path / "log").read_text(), 30, (tmp_path / "log").read_text)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
        process.wait(10)
        left = [child for child in children if Path(f"/proc/{child}").exists()]
        for child in left:
            os.kill(int(child), signal.SIGKILL)
    assert left == []


def test_it_lives_while_it_goes_round_and_also_while_the_queue_is_away(environment, tmp_path, redis_url):
    """Whoever is restarted every half a minute ends no training."""
    at, port = urlsplit(redis_url), free_port()
    (tmp_path / "sitecustomize.py").write_text("import adapters.http.health\nadapters.health._STALE_S = 6.0\n")
    with Proxy(at.port) as proxy:
        environment |= {
            "HEALTH_PORT": str(port),
            "QUEUE_URL": redis_url.replace(f":{at.port}", f":{proxy.port}"),
            "PYTHONPATH": str(tmp_path),
        }
        proxy.cut()
        with slow_loop(environment, tmp_path / "log"):
            wait_for(lambda: why_dead(port) is not None, 30)
            for _ in range(2):
                assert stays_alive(port, 8) == ""
                proxy.mend()
            wait_for(lambda: '"accuracy_watched"' in (tmp_path / "log").read_text(), 30)
            proxy.cut()
            assert stays_alive(port, 8) == ""


def why_dead(port):
    try:
        with urlopen(f"http://127.0.0.1:{port}/health/live", timeout=5):
            return ""
    except HTTPError as dead:
        return dead.read().decode()
    except OSError:
        return None


def stays_alive(port, for_s):
    until = time.monotonic() + for_s
    while time.monotonic() < until:
        if why := why_dead(port):
            return why
        time.sleep(0.5)
    return ""


def test_two_of_them_beside_each_other_do_no_harm(plant, environment, tmp_path):
    plant.decided(*range(100, 2000, 100))
    plant.tell(*range(101, 2001, 100))
    with slow_loop(environment, tmp_path / "a"), slow_loop(environment, tmp_path / "b"):
        wait_for(lambda: plant.sql.execute("SELECT count(*) FROM ground_truth WHERE match = 'matched'").fetchone()[0] == 19, 30)
    assert "Traceback" not in (tmp_path / "a").read_text() + (tmp_path / "b").read_text()
    assert Plant(plant.pools, plant.sql).join() == plant.join()


def test_a_training_that_was_asked_for_runs_and_says_why_it_gave_nothing(plant, environment, tmp_path):
    plant.sql.execute("INSERT INTO trainings (asked_by, because) VALUES ('ada', 'hand')")
    with slow_loop(environment, tmp_path / "log"):
        wait_for(lambda: plant.sql.execute("SELECT state FROM trainings").fetchone()[0] == "failed", 60)
    assert "no item" in plant.sql.execute("SELECT report->>'error' FROM trainings").fetchone()[0].lower()


def test_it_says_that_it_goes_round_also_while_no_job_is_due():
    rounds = []
    app = schedule_app("memory://", {}, tick=lambda: rounds.append(1))
    scheduler = app.conf.beat_scheduler(app=app)
    scheduler.tick()
    scheduler.tick()
    assert len(rounds) == 2
