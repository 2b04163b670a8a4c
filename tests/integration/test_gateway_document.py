"""The examples of the README and of docs/gateway.md, run as they stand there."""

import json
import os
import re
import shutil
import subprocess

import pytest

from intake.gateway import problems
from tests.conftest import REPOSITORY, need, program
from tests.gateway_house import GatewayHouse
from tests.makers import MASTER_KEY, a_jpeg

README = (REPOSITORY / "README.md").read_text("utf-8")
DOCUMENT = (REPOSITORY / "docs" / "gateway.md").read_text("utf-8")


def examples():
    over_http = README.split("\n## Over HTTP\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", over_http + DOCUMENT, re.DOTALL)


@pytest.fixture
def gateway(stack, database_url, redis_url, tmp_path):
    house = GatewayHouse(stack, database_url, redis_url, tmp_path)
    yield house
    house.close()


def test_the_examples_do_what_they_say(gateway, tmp_path):
    need(shutil.which("curl") is not None, "curl")
    (tmp_path / "photo.jpg").write_bytes(a_jpeg())
    script = "set -euo pipefail\n" + "\necho\n".join(examples())
    environment = {
        "PATH": f"{os.path.dirname(program('waste'))}:{os.environ['PATH']}",  # noqa: PTH120 - it is a part of a PATH
        "GATEWAY": gateway.url,
        "DEVICE_MASTER_KEY": MASTER_KEY.hex(),
    }
    with gateway.working():
        command = ["bash", "-c", script]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    answers = [json.loads(found) for found in re.findall(r"\{[^{}]*\}", done.stdout)]
    taken, decided, predicted, contact = answers
    assert taken["state"] == "accepted"
    assert (decided["event_id"], decided["state"], decided["category"]) == (taken["event_id"], "decided", "plastic")
    assert predicted["prediction"] == "plastic"
    assert contact["share"] == 1.0


def test_the_table_of_problems_is_the_codes():
    told = dict(re.findall(r"(?m)^\| (`[a-z`, -]+`) \| ([0-9, ]+) \|", DOCUMENT))
    shown = {}
    for names, statuses in told.items():
        found, codes = re.findall(r"`([a-z-]+)`", names), re.findall(r"\d+", statuses)
        shown |= dict(zip(found, codes * (len(found) if len(codes) == 1 else 1), strict=True))
    kinds = [kind for kind in vars(problems).values() if isinstance(kind, problems.Kind) and kind.status != 500]
    assert shown == {kind.name: str(kind.status) for kind in kinds}
