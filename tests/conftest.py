"""The services that the tests run against: real ones, started once from wheels, on loopback."""

import os
import shutil
import socket
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import redis

from local.ports import free_port
from local.stack import Stack
from migrations.run import migrate

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    """Options of the fault suite; they have to be known before its folder is collected."""
    group = parser.getgroup("faults")
    group.addoption("--faults", action="store_true", help="all of the fault suite, about twenty-five minutes, not its short part")
    group.addoption("--planted", action="store_true", help="also plant faults that the suite must find")
    group.addoption("--minutes", type=float, default=0, help="a soak with a random fault a minute")
    group.addoption("--seed", type=int, default=1, help="the soak's seed")
    group.addoption("--fault-report", help="write the figures of the fault suite to this file")


def need(present: bool, what: str) -> None:
    """Skip at home what a missing service makes impossible; fail where CI=true."""
    if not present:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"needs {what}")


def wait_for(condition, timeout_s=30.0, what="the condition"):
    """Return the first true answer of `condition`; fails after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.05)
    what = what() if callable(what) else what
    pytest.fail(f"{what} did not come true within {timeout_s} s")


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """Valkey, Postgres and SeaweedFS."""
    services = Stack(tmp_path_factory.mktemp("services"), durable=False)
    services.start()
    yield services
    services.kill()


@pytest.fixture(scope="session")
def template_database(stack):
    """A migrated database to be copied."""
    stack.postgres.create_database("template_waste")
    migrate(stack.postgres.url("template_waste"), datetime.now(UTC).date())
    return "template_waste"


@pytest.fixture
def database_url(stack, template_database, request):
    """A migrated database of this test's own, as its owner."""
    name = f"t{time.monotonic_ns()}"
    stack.postgres.create_database(name, template=template_database)
    yield stack.postgres.url(name)
    stack.postgres.drop_database(name)


@pytest.fixture
def sql(database_url):
    """A connection of the owner."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def house(stack, database_url, sql, tmp_path):
    """A review desk of this test's own; call it with settings of the desk to change them."""
    from tests.desk_house import House

    house = House(stack, database_url, sql, tmp_path)
    yield house
    house.close()


@pytest.fixture
def served(house):
    """The house's desk behind a real server."""
    from tests.desk_house import Served

    served = Served(house)
    yield served
    served.stop()


@pytest.fixture
def redis_url(stack):
    """An empty Valkey."""
    redis.Redis.from_url(stack.valkey.url).flushall()
    return stack.valkey.url


@pytest.fixture(scope="session")
def sqs_port(tmp_path_factory):
    """An SQS emulator (ministack); real SQS cannot be had here, so what passes is verified against an emulator."""
    program = REPOSITORY / ".venv-sqs" / "bin" / "ministack"
    need(program.exists(), f"{program} (make test makes it)")
    port = free_port()
    home = tmp_path_factory.mktemp("ministack")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([program], cwd=home, env=environment, stdout=log, stderr=log)
    wait_for(lambda: _listens(port), 30, "the SQS emulator")
    yield port
    process.terminate()
    process.wait(10)


@pytest.fixture
def sqs_url(sqs_port):
    """The emulator's URL with an account of this test's own: a reader of the test before may still be waiting on its queues."""
    account = f"{time.monotonic_ns() % 10**12:012}"
    return f"sqs://{account}:test@127.0.0.1:{sqs_port}"


@pytest.fixture
def local_photographs():
    """Real photographs, where they are at hand."""
    folder = REPOSITORY.parent / "shared" / "data" / "trashnet"
    if not folder.is_dir():
        pytest.skip("no photographs at hand")
    return folder


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def program(name):
    """Return a program of this environment."""
    return shutil.which(name) or str(REPOSITORY / ".venv" / "bin" / name)
