"""docker-compose.yml as people use it: brought up, sent to, killed, scaled, restarted. Needs an engine and the images: `make infra-check`."""

import json
import subprocess
import urllib.request

import pytest

from contracts.categories import Category
from infra.deploy.rollout import DeployFailed
from infra.deploy.smoke import send
from producer.render import render
from tests.compose.site import GATEWAY, PROGRAMS, all_healthy, compose, containers, has_images, register, sql, states, wait_for

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def site():
    if not has_images("waste-worker"):
        pytest.skip("there is no container engine that has the images: infra/check images")
    compose("--profile", "*", "down", "--volumes", "--timeout", "5")
    compose("up", "--detach", "--no-build")
    try:
        wait_for(all_healthy, 90, states)
        yield register([f"bin-{number}" for number in range(4)])
    finally:
        print(compose("logs", "--no-color", "--tail", "20", check=False)[-8000:])
        compose("down", "--volumes", "--timeout", "20", check=False)


def test_what_bins_send_gets_one_outcome_each(site):
    site.send(each=5)
    assert set(site.await_outcomes().values()) == {1}
    assert int(sql("SELECT count(*) FROM predictions")[0]) == 20


def test_nobody_is_root_can_write_or_sees_anothers_secrets(site):
    for program in PROGRAMS:
        said = compose(
            "exec", "-T", program, "sh", "-c", "id -u; touch /x 2>&1; ls /secrets; cat /proc/1/status | grep CapEff"
        ).split("\n")
        assert said[0] == "10001"
        assert "Read-only file system" in said[1]
        assert said[-2].split() == ["CapEff:", "0" * 16]
        assert "s3-secret-key" in said
        assert ("device-master-key" in said) == (program in {"gateway", "intake"})


def test_a_worker_reaches_nothing_but_the_fleet(site):
    code = "import socket\ntry: socket.create_connection(('%s', %s), 2); print('reached')\nexcept OSError: print('not reached')"
    ways = {("objects", 8333): "reached", ("1.1.1.1", 80): "not reached", ("169.254.169.254", 80): "not reached"}
    for (host, port), wanted in ways.items():
        assert compose("exec", "-T", "worker", "python3", "-c", code % (host, port)).strip() == wanted


def test_a_worker_that_is_killed_loses_nothing_and_comes_back(site):
    victim = containers("worker")[0]
    subprocess.run(["docker", "kill", victim], check=True, capture_output=True)
    site.send(each=10)
    assert set(site.await_outcomes().values()) == {1}
    compose("up", "--detach", "--no-build")  # what is killed by hand is not restarted by the engine, but by whoever looks after it
    assert len(wait_for(lambda: len(found := containers("worker")) == 2 and found, 60, states)) == 2


def test_workers_are_scaled_up_and_down_without_a_loss(site):
    compose("up", "--detach", "--no-build", "--scale", "worker=4")
    assert len(containers("worker")) == 4
    site.send(each=10)
    compose("up", "--detach", "--no-build", "--scale", "worker=1")
    site.send(each=5)
    assert set(site.await_outcomes().values()) == {1}
    wait_for(lambda: len(containers("worker")) == 1, 90, states)


def test_what_the_broker_holds_survives_its_restart(site):
    compose("stop", "intake", "worker")
    before = site.send(each=5)
    waiting = len(before) - int(sql("SELECT count(*) FROM outcomes")[0])
    assert waiting == 20
    compose("kill", "valkey")
    compose("up", "--detach", "--no-build", "valkey")
    compose("up", "--detach", "--no-build")
    assert set(site.await_outcomes().values()) == {1}


def test_all_of_it_survives_an_end_and_a_new_start(site):
    compose("down", "--timeout", "30")
    compose("up", "--detach", "--no-build")
    wait_for(all_healthy, 90, states)
    site.send(each=2)
    assert set(site.await_outcomes().values()) == {1}


def test_the_deployments_own_picture_goes_through(site, tmp_path):
    (tmp_path / "picture.jpg").write_bytes(render(Category.GLASS, 7))
    one = register(["smoke-test"]).bins[0]
    assert send(GATEWAY, one.sensor_id, one.token, tmp_path / "picture.jpg") in {"prediction", "review"}
    with pytest.raises(DeployFailed, match="401"):
        send(GATEWAY, one.sensor_id, f"{one.token[:-1]}{'0' if one.token[-1] != '0' else '1'}", tmp_path / "picture.jpg")


def test_prometheus_scrapes_every_program(site):
    def scraped():
        with urllib.request.urlopen("http://127.0.0.1:9090/api/v1/query?query=up", timeout=10) as answer:
            rows = json.loads(answer.read())["data"]["result"]
        return {row["metric"]["role"] for row in rows if row["value"][1] == "1"} >= set(PROGRAMS)

    wait_for(scraped, 60, lambda: "some program is not scraped")


def test_the_ledgers_months_are_seen_to(site):
    wait_for(lambda: "no month was past its retention" in compose("logs", "--no-color", "maintenance"), 30, states)
    assert len(containers("maintenance")) == 1
