"""infra/terraform names what is there in code: queues, programs, logins, images, keys of pictures, settings."""

import ast
import fnmatch
import importlib.util
import json
import re
from datetime import UTC, datetime
from importlib import import_module
from uuid import uuid4

import pytest

from adapters.celery.queue import VISIBILITY_TIMEOUT_S
from adapters.environment import read_settings
from contracts import names
from contracts.models import model_key
from contracts.picture_keys import picture_key
from learning.lake.layout import picture_key as lake_picture_key
from learning.lake.layout import snapshot_key
from migrations.logins import LOGINS, login_of
from tests.conftest import REPOSITORY
from waste.config import _ROLES

FOLDER = REPOSITORY / "infra" / "terraform"
QUEUES = (FOLDER / "modules" / "queues" / "main.tf").read_text()
PROGRAMS = (FOLDER / "modules" / "identity" / "programs.tf").read_text()
SERVICES = (FOLDER / "modules" / "fleet" / "services.tf").read_text()
MIGRATE = (FOLDER / "modules" / "fleet" / "migrate.py").read_text()
ROLES = {"gateway": "gateway", "intake": "intake", "worker": "worker", "drain": "dlq", "review": "dlq", "learning": "slow"}


def put_secrets():
    spec = importlib.util.spec_from_file_location("put_secrets", FOLDER / "put_secrets.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_queues_are_those_of_the_code():
    declared = set(re.findall(r'^    "(waste-[a-z-]+)" += \{', QUEUES, re.MULTILINE))
    assert declared == {names.EDGE_QUEUE, names.WORK_QUEUE, names.WORK_QUEUE_FIRST, names.SLOW_QUEUE, names.DEAD_LETTER_QUEUE}
    assert set(re.findall(r'"(waste-[a-z-]+)"', PROGRAMS)) == declared


def test_a_wake_up_is_hidden_as_long_as_celery_has_it():
    for queue in (names.WORK_QUEUE, names.WORK_QUEUE_FIRST, names.SLOW_QUEUE):
        assert re.search(rf'"{queue}" += \{{ visibility_s = {VISIBILITY_TIMEOUT_S:.0f},', QUEUES), queue


def test_every_role_has_rights_and_a_service():
    assert set(re.findall(r"^    ([a-z]+) += \{", PROGRAMS, re.MULTILINE)) == {*ROLES, "scaler", "migrate"}
    assert set(re.findall(r"^    ([a-z]+) += merge\(local\.usual", SERVICES, re.MULTILINE)) == {*ROLES, "scaler"}


def test_logins_are_those_of_the_migrations():
    tree = ast.parse(MIGRATE)
    told = next(
        ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "PROGRAMS"
    )
    assert set(told) == set(put_secrets().LOGINS) == set(LOGINS)


def test_images_are_those_of_the_dockerfile():
    targets = set(re.findall(r"^FROM role AS (\w+)$", (REPOSITORY / "infra" / "Dockerfile").read_text(), re.MULTILINE))
    pushed = set(re.findall(r'"waste-(\w+)"', (FOLDER / "modules" / "registry" / "variables.tf").read_text()))
    used = set(re.findall(r'"waste-(\w+)"', re.search(r"  images = \{.*?\}", SERVICES, re.DOTALL)[0]))
    assert pushed == used == targets - {"edge"}


def test_rights_reach_the_keys_that_the_code_makes():
    pattern = re.search(r'pictures = "pictures/([^"]+)"', PROGRAMS)[1]
    assert fnmatch.fnmatchcase(picture_key("bin-7", datetime.now(UTC), uuid4(), "jpg"), pattern)
    for key in (model_key("ab" * 32), snapshot_key("1", "manifest.json"), lake_picture_key("ab" * 32)):
        assert not fnmatch.fnmatchcase(key, pattern)
        assert any(fnmatch.fnmatchcase(f"kept/{key}", one) for one in re.findall(r'"(kept/[^"]+)"', PROGRAMS)), key


def test_settings_of_services_are_settings_of_programs():
    known = set()
    for module, name in _ROLES.values():
        known |= {field.alias for field in getattr(import_module(module), name).model_fields.values()}
    told = set(re.findall(r"\b([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+) +=", SERVICES))
    assert told
    assert told <= known


def test_secrets_that_are_there_stay_and_all_others_are_made():
    made = put_secrets().values_of(dict.fromkeys(["logins", "device-master-key"]), "db.example.org")
    again = put_secrets().values_of(made, "db.example.org")
    assert again == made
    rotated = put_secrets().values_of(made, "db.example.org", rotate="worker")
    assert {name for name in made if rotated[name] != made[name]} == {"logins", "database-url-worker"}
    assert len(set(json.loads(made["logins"]).values())) == len(LOGINS)


@pytest.mark.parametrize("role", ROLES)
def test_a_program_takes_its_secrets(role):
    secrets = put_secrets()
    made = secrets.values_of(dict.fromkeys(["logins", "device-master-key"]), "db.example.org")
    login = {"drain": "review"}.get(role, role)
    environment = {"DATABASE_URL": made[f"database-url-{login}"], "DEVICE_MASTER_KEY": made["device-master-key"]}
    environment["QUEUE_URL"] = secrets.queue_url("valkey.example.org", "0123456789abcdef0123456789abcdef")
    module, name = _ROLES[ROLES[role]]
    read_settings(getattr(import_module(module), name), environment)
    assert login_of(login) in environment["DATABASE_URL"]
