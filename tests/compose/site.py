"""The compose file, brought up by a real engine, and bins that speak to its gateway over HTTP."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from contracts.ids import uuid7
from infra.deploy.smoke import event_of, upload_of
from producer.render import render
from tests.conftest import REPOSITORY

GATEWAY = "http://127.0.0.1:8000"
PROGRAMS = ("gateway", "intake", "worker", "drain", "review", "learning", "monitor")
_FILES = "docker-compose.yml:tests/compose/without-grafana.yml"


def compose(*arguments, check=True, timeout=240):
    """Run docker compose on the repository's file and return what it says."""
    command = ["docker", "compose", *arguments]
    environment = os.environ | {"COMPOSE_FILE": os.environ.get("COMPOSE_FILE", _FILES)}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=timeout)
    assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def containers(service):
    """Return the ids of a service's running containers."""
    return compose("ps", "--quiet", service).split()


def sql(query):
    """Return the rows of a query, each as text."""
    said = compose("exec", "-T", "postgres", "psql", "--host=/var/run/postgresql", "--username=waste", "-At", "--command", query)
    return said.strip().splitlines()


def has_images(*names):
    """Tell whether there is an engine that has them all."""
    return (
        bool(shutil.which("docker")) and not subprocess.run(["docker", "image", "inspect", *names], capture_output=True).returncode
    )


def states():
    """Return what the engine says of each container."""
    return [json.loads(line) for line in compose("ps", "--all", "--format", "json").splitlines()]


def all_healthy():
    """Tell whether every program and its services are healthy."""
    return all(one["Health"] == "healthy" for one in states() if one["Service"] in {*PROGRAMS, "postgres", "valkey", "objects"})


def wait_for(condition, timeout_s, what):
    """Wait until `condition` says something true, and return it."""
    until = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < until, what()
        time.sleep(1)
    return found


def patiently(ask, passing):
    """Ask until there is an answer whose status is none of `passing`, as a bin does."""
    for _ in range(60):
        try:
            return ask()
        except urllib.error.HTTPError as error:
            assert error.code in passing, (error.code, error.read())
        except OSError:
            pass
        time.sleep(1)
    raise TimeoutError(ask)


@dataclass
class Bin:
    """One bin with its token."""

    sensor_id: str
    token: str
    sequence: int = 0
    sent: list[UUID] = field(default_factory=list)

    def send(self, number: int = 1) -> None:
        """Upload a picture and tell the gateway of it, so often until it is accepted."""
        for _ in range(number):
            event_id = uuid7(datetime.now(UTC), os.urandom(10))
            picture = render(("plastic", "paper", "glass", "metal", "organic")[self.sequence % 5], self.sequence)
            place = self._patiently("/v1/uploads", upload_of(self.sensor_id, event_id, len(picture)))
            upload = urllib.request.Request(place["url"], picture, {"Content-Type": "image/jpeg"}, method="PUT")
            patiently(partial(urllib.request.urlopen, upload, timeout=30), {500, 503}).close()
            self._patiently("/v1/events", event_of(self.sensor_id, event_id, place["image_url"], self.sequence))
            self.sent.append(event_id)
            self.sequence += 1

    def _patiently(self, path, body):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(GATEWAY + path, json.dumps(body).encode(), headers)
        with patiently(partial(urllib.request.urlopen, request, timeout=30), {429, 503}) as answer:
            return json.loads(answer.read())


@dataclass
class Fleet:
    """Some bins that send at the same time."""

    bins: Sequence[Bin]

    def send(self, each: int) -> list[UUID]:
        """Have every bin send so many; returns all that were accepted ever."""
        with ThreadPoolExecutor(len(self.bins)) as pool:
            list(pool.map(lambda one: one.send(each), self.bins))
        return [event_id for one in self.bins for event_id in one.sent]

    def await_outcomes(self, timeout_s: float = 120) -> dict[str, int]:
        """Wait until every accepted event has an outcome; returns how many have how many."""
        accepted = [str(event_id) for one in self.bins for event_id in one.sent]
        until = time.monotonic() + timeout_s
        while True:
            rows = dict(row.split("|") for row in sql("SELECT event_id, count(*) FROM outcomes GROUP BY 1"))
            found = {event_id: int(rows.get(event_id, 0)) for event_id in accepted}
            if all(found.values()) or time.monotonic() > until:
                return found
            time.sleep(1)


def register(names):
    """Register sensors and return their bins."""
    made = []
    for name in names:
        said = compose("exec", "-T", "intake", "waste", "device", "add", name, "--token")
        made.append(Bin(name, said.strip().splitlines()[-1].rpartition("=")[2]))
    return Fleet(made)
