"""What the gateway's published description promises, held against random requests: no 5xx, no answer that is not described."""

import subprocess

import pytest

from tests.conftest import program
from tests.gateway_house import GatewayHouse


@pytest.fixture
def gateway(stack, database_url, redis_url, tmp_path):
    house = GatewayHouse(
        stack, database_url, redis_url, tmp_path, DEVICE_RATE=100_000, DEVICE_BURST=1_000_000, TOTAL_BURST=1_000_000
    )
    yield house
    house.close()


_SPEAKERS = [("bin-7", ".", "examples,coverage,fuzzing,stateful"), ("plant:north", "ground-truth", "examples,coverage,fuzzing")]


@pytest.mark.parametrize(("name", "paths", "phases"), _SPEAKERS)
def test_the_description_holds_for_random_requests(gateway, tmp_path, name, paths, phases):
    command = [
        program("schemathesis"), "run", f"{gateway.url}/openapi.json", "--checks", "all", "--phases", phases,
        "--max-examples", "40", "--header", f"Authorization: {gateway.client(name).headers['authorization']}", "--generation-database", "none",
        "--include-path-regex", paths,
        "--no-color", "--seed", "1",
        "--request-timeout", "30", "--max-response-time", "15",
    ]  # fmt: skip
    with gateway.working():
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
