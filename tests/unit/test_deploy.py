"""A deployment against a site in memory: whatever fails, what ran before runs again."""

import signal
import subprocess
import sys
from collections import Counter

import pytest

from infra.deploy.__main__ import main
from infra.deploy.rollout import DATABASE, ORDER, DeployFailed, Ending, Rollout
from tests.conftest import REPOSITORY

OLD = {name: f"{name}@sha256:old" for name in ORDER}
NEW = {name: f"{name}@sha256:new" for name in (*ORDER, DATABASE)}


class MemorySite:
    """Services that run; `fails` names calls that fail: a method's name, or that and a service."""

    def __init__(self, *fails, alarm_at_look=None, interrupted_at=None):
        self.images, self.shape, self.calls, self.fails = dict(OLD), "old", [], set(fails)
        self.alarm_at_look, self.interrupted_at, self.looked = alarm_at_look, interrupted_at, 0

    def _called(self, name, service=""):
        self.calls.append((name, service))
        if (name, service) == self.interrupted_at:
            self.interrupted_at = None
            raise KeyboardInterrupt
        if name in self.fails or (name, service) in self.fails:
            self.fails.discard((name, service))  # once: the way back may work
            raise DeployFailed(f"{name} {service}")

    def running(self):
        return dict(self.images)

    def migrate(self, image):
        self._called("migrate")
        assert image == NEW[DATABASE]
        self.shape = "new"

    def update(self, service, image):
        assert self.shape == "new"
        self._called("update", service)
        self.images[service] = image

    def await_steady(self, services):
        for service in services:
            self._called("steady", service)

    def smoke(self):
        self._called("smoke")

    def alarms(self):
        self.looked += 1
        return ["oldest event"] if self.looked == self.alarm_at_look else []


def deployed(site, wanted=NEW):
    said = []
    return Rollout(site, said.append, lambda: None, looks=3).run(wanted), said


def test_every_service_runs_the_new_image_readers_before_writers_and_after_the_migration():
    site = MemorySite()
    assert deployed(site)[0] is Ending.DEPLOYED
    assert site.images == {name: NEW[name] for name in ORDER}
    assert [service for name, service in site.calls if name == "update"] == list(ORDER)
    assert site.calls[0] == ("migrate", "")
    assert site.looked == 4


@pytest.mark.parametrize("step", [*((name, service) for service in ORDER for name in ("update", "steady")), ("smoke", "")])
def test_what_fails_at_any_step_leads_back_to_what_ran_before(step):
    site = MemorySite(step)
    assert deployed(site)[0] is Ending.ROLLED_BACK
    assert site.images == OLD
    told = Counter(service for name, service in site.calls if name == "update")
    untouched = ORDER[ORDER.index(step[1]) + 1 :] if step[1] else ()
    assert not any(told[service] for service in untouched)
    assert site.calls[-1] == ("smoke", "")


@pytest.mark.parametrize("look", [2, 3, 4])
def test_an_alarm_after_it_leads_back(look):
    site = MemorySite(alarm_at_look=look)
    ending, said = deployed(site)
    assert ending is Ending.ROLLED_BACK
    assert site.images == OLD
    assert "going back: alarms: oldest event" in said


def test_a_signal_in_the_middle_leaves_no_two_versions():
    site = MemorySite(interrupted_at=("steady", "intake"))
    assert deployed(site)[0] is Ending.ROLLED_BACK
    assert site.images == OLD


def test_nothing_is_begun_while_an_alarm_sounds_or_when_the_migration_fails():
    site = MemorySite(alarm_at_look=1)
    with pytest.raises(DeployFailed, match="before anything was done"):
        deployed(site)
    assert (site.calls, site.images) == ([], OLD)
    site = MemorySite("migrate")
    with pytest.raises(DeployFailed, match="migrate"):
        deployed(site)
    assert site.images == OLD


def test_a_way_back_that_fails_is_said_and_every_other_service_is_taken_back_all_the_same():
    site = MemorySite(("steady", "gateway"))

    def update(service, image, real=site.update):
        if image == OLD["intake"] and service == "intake":
            raise DeployFailed("no capacity")
        real(service, image)

    site.update = update
    ending, said = deployed(site)
    assert ending is Ending.STUCK
    assert said[-1] == "somebody has to look"
    assert {name for name, image in site.images.items() if image != OLD[name]} == {"intake"}


def test_services_that_run_it_already_are_left_alone_and_wrong_names_are_refused():
    site = MemorySite()
    assert deployed(site, OLD | {DATABASE: NEW[DATABASE]})[0] is Ending.DEPLOYED
    assert site.calls == []
    only = {"worker": NEW["worker"], DATABASE: NEW[DATABASE]}
    assert deployed(site, only)[0] is Ending.DEPLOYED
    assert [service for name, service in site.calls if name == "update"] == ["worker"]
    for wrong, said in ((NEW | {"wrker": "x"}, "wrker"), (OLD, "database")):
        with pytest.raises(DeployFailed, match=said):
            deployed(MemorySite(), wrong)


def test_an_answer_that_nobody_foresaw_on_the_way_back_is_said_and_the_others_go_back_all_the_same():
    site = MemorySite("smoke")

    def update(service, image, real=site.update):
        if image == OLD["gateway"]:
            raise KeyError("services")
        real(service, image)

    site.update = update
    ending, said = deployed(site)
    assert ending is Ending.STUCK
    assert "gateway could not be taken back: KeyError('services')" in said
    assert {name for name, image in site.images.items() if image != OLD[name]} == {"gateway"}
    site = MemorySite(("steady", "intake"))
    site.smoke = lambda: {}["url"]
    assert deployed(site)[0] is Ending.STUCK
    assert site.images == OLD


ARGUMENTS = ["--fleet", "f", "--gateway", "http://127.0.0.1:1", "--subnets", "s", "--security-group", "g", "--model", "m"]


@pytest.mark.parametrize(
    ("token", "more", "said"),
    [
        (" ", ["--picture", __file__], "SMOKE_TOKEN is not set"),
        ("v1.x", ["--picture", "no-such.jpg"], "is no file"),
        ("v1.x", ["--picture", __file__, "--looks", "0"], "--looks"),
    ],
)
def test_what_would_take_a_good_deployment_back_is_found_before_it_begins(monkeypatch, capsys, token, more, said):
    monkeypatch.setenv("SMOKE_TOKEN", token)
    monkeypatch.setattr("boto3.client", lambda *_: pytest.fail("something was begun"))
    with pytest.raises(SystemExit):
        main([*ARGUMENTS, *more])
    assert said in capsys.readouterr().err


def test_a_second_signal_does_not_cut_the_way_back_off(tmp_path):
    program = tmp_path / "interrupted.py"
    program.write_text(
        "import os, signal, time\n"
        "from infra.deploy.__main__ import _SIGNALS, _interrupt\n"
        "for one in _SIGNALS:\n    signal.signal(one, _interrupt)\n"
        "try:\n    print('begun', flush=True)\n    time.sleep(30)\n"
        "except KeyboardInterrupt:\n    print('going back', flush=True)\n    time.sleep(0.5)\n    print('went back', flush=True)\n"
    )
    started = subprocess.Popen(
        [sys.executable, program], cwd=REPOSITORY, env={"PYTHONPATH": "."}, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout.readline() == "begun\n"
    started.send_signal(signal.SIGINT)
    assert started.stdout.readline() == "going back\n"
    started.send_signal(signal.SIGTERM)
    started.send_signal(signal.SIGINT)
    assert started.communicate(timeout=10)[0] == "went back\n"
