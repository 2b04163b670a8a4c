"""What docs and infra name is there in code: settings, metrics, queues, roles of the database, the worker's task."""

import re
from importlib import import_module

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from adapters.telemetry import metrics
from contracts import names
from contracts.names import CLASSIFY_TASK
from migrations.logins import LOGINS, login_of
from tests.conftest import REPOSITORY
from waste.config import _ROLES

DOCS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")), *sorted((REPOSITORY / "infra").rglob("README.md"))]
PLACES = [REPOSITORY / "docker-compose.yml"]
PLACES += [
    path
    for path in sorted((REPOSITORY / "infra").rglob("*"))
    if path.is_file() and path.suffix in {".yml", ".yaml", ".json", ".tf", ".env"} and ".terraform" not in path.parts
]
OF_OTHERS = {
    *(
        "PIP_FIND_LINKS",
        "PIP_CONFIG",
        "BUILD_NETWORK",
        "STAND_INS",
        "HTTP_PROXY",
        "SCHED_BATCH",
        "WORKERS",
    ),  # tools and the compose file
    *("MLFLOW_EXPERIMENT_NAME", "MLFLOW_TRACKING_URI", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    *("OTEL_RESOURCE_ATTRIBUTES", "OTEL_EXPORTER_OTLP_TIMEOUT"),  # the SDK of OpenTelemetry
    *("RATE_URL", "WASTE_BIND", "GATEWAY_PORT", "PLANT_TOKEN"),
}
"""What is read by others than our programs, or by a script that the document shows."""
WORKFLOWS = "".join(path.read_text("utf-8") for path in sorted((REPOSITORY / ".github" / "workflows").glob("*.yml")))
OF_OTHERS |= set(re.findall(r"(?:vars|secrets)\.([A-Z_]+)", WORKFLOWS))


def settings():
    fields = (getattr(import_module(module), kind).model_fields for module, kind in _ROLES.values())
    known = {field.alias for one in fields for field in one.values()}
    return known | {f"{name}_FILE" for name in known}


def metric_names():
    made = [one.describe()[0] for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]
    return {one.name + ("_total" if one.type == "counter" else "") for one in made}


QUEUES = {value for name, value in vars(names).items() if "QUEUE" in name}
METRICS = metric_names()
COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text("utf-8"))
VOLUMES = {f"waste_{name}" for name in [*COMPOSE["volumes"], *COMPOSE["networks"]]}
TABLE_ROLES = {*LOGINS.values(), *(login_of(program) for program in LOGINS)}


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_each_setting_of_a_document_is_read_by_a_program(path):
    used = set(re.findall(r"`([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)\b", path.read_text("utf-8")))
    used = {name for name in used if name not in OF_OTHERS and not name.startswith("COMPOSE_")}
    in_code = settings()
    scripts = "".join(
        one.read_text("utf-8") for one in [*(REPOSITORY / "producer").rglob("*.py"), *(REPOSITORY / "adapters").rglob("*.py")]
    )
    assert {name for name in used if name not in in_code and f'"{name}"' not in scripts} == set()


@pytest.mark.parametrize("path", [*DOCS, *PLACES], ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_each_metric_and_role_is_one_of_ours(path):
    used = set(re.findall(r"\bwaste_[a-z_]+", path.read_text("utf-8")))
    bare = {re.sub(r"_(bucket|count|sum)$", "", name) for name in used}
    assert bare <= METRICS | TABLE_ROLES | VOLUMES | {f"{name}_" for name in TABLE_ROLES}


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_each_queue_of_a_document_is_one_of_ours(path):
    used = set(re.findall(r"`(waste-(?:events|work|slow|dead-letters)(?:-[a-z]+)*)`", path.read_text("utf-8")))
    assert {re.sub("-oldest$", "", name) for name in used} <= QUEUES


def test_the_workers_task_is_named_in_one_place():
    found = [
        path
        for folder in ("adapters", "intake", "worker", "infra", "producer")
        for path in (REPOSITORY / folder).rglob("*")
        if path.suffix in {".py", ".tf", ".yml", ".yaml"} and CLASSIFY_TASK in path.read_text("utf-8")
    ]
    assert found == []
    assert len(QUEUES) == 5
    assert len(METRICS) > 25
