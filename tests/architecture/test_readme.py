"""What the README says is so."""

import re
import subprocess
from importlib import import_module

import pytest

from adapters.celery.queue import _QUEUES
from adapters.settings import LogSettings, TraceSettings
from contracts import names
from local.figures import Figures
from producer.edge.settings import EdgeRunSettings
from tests.conftest import REPOSITORY
from waste.__main__ import _COMMANDS
from waste.config import _ROLES

README = (REPOSITORY / "README.md").read_text("utf-8")
NOT_OF_THE_README = {"AWS_SESSION_TOKEN", "QUEUE_LEASE_S", "UPLOADS_AT_ONCE", "WASTE_STATE_DIR"}
NOT_OF_THE_README |= {"MAX_WAKE_UPS", "RECONCILE_GRACE_S", "MODEL_CACHE", "WASTE_ACTOR"}
NOT_OF_THE_README |= {
    "EDGE_SETTLE_S",
    "EDGE_CAMERA_TIMEOUT_S",
    "EDGE_RESERVE_MB",
    "EDGE_KEEP_DAYS",
    "EDGE_LIVE_S",
    "EDGE_CONTACT_S",
}
"""Settings for the few; `waste config` shows them."""
OF_TRACES = {field.alias for field in TraceSettings.model_fields.values()}


def variables():
    kinds = [getattr(import_module(module), name) for module, name in _ROLES.values()]
    return {field.alias for kind in kinds for field in kind.model_fields.values()}


def test_every_setting_of_the_readme_exists_and_every_other_is_left_out_on_purpose():
    told = set(re.findall(r"`([A-Z][A-Z0-9_]{3,})`", README)) - {
        "X_FILE",
        "PIP_FIND_LINKS",
        "MLFLOW_TRACKING_URI",
        "MLFLOW_EXPERIMENT_NAME",
    }
    assert told <= variables()
    assert variables() - told - OF_TRACES == NOT_OF_THE_README
    assert {name for name in OF_TRACES if "SAMPLER" in name} <= told


def test_every_command_of_the_readme_exists():
    told = set(re.findall(r"(?m)(?:^|`|/)waste ([a-z]+)", README))
    assert told <= set(_COMMANDS)
    assert {
        "demo",
        "edge",
        "intake",
        "worker",
        "dlq",
        "send",
        "simulate",
        "db",
        "config",
        "device",
        "fleet",
        "gateway",
        "learn",
    } <= told


@pytest.mark.parametrize("target", re.findall(r"(?m)(?:^|`)make ([a-z]+)", README))
def test_every_target_of_the_readme_exists(target):
    subprocess.run(["make", "-n", target], cwd=REPOSITORY, check=True, capture_output=True)


def test_every_link_of_the_readme_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (REPOSITORY / target).exists(), target


def test_the_queues_of_the_readme_are_those_of_the_code():
    told = set(re.findall(r"`(waste-[a-z-]+)`", README)) - {"waste-fleet"}
    assert told == {names.EDGE_QUEUE, names.WORK_QUEUE, names.WORK_QUEUE_FIRST, names.DEAD_LETTER_QUEUE}
    assert {queue.name for queue in _QUEUES} == {names.WORK_QUEUE, names.WORK_QUEUE_FIRST}


def test_the_report_has_the_figures_that_the_readme_names():
    told = re.search(r"writes the figures:\s+([a-z0-9_,\s]+)\.", README)
    assert set(re.split(r",\s+", told[1])) <= set(Figures.__dataclass_fields__)
    assert len(re.split(r",\s+", told[1])) == 11


def test_every_setting_of_a_bin_is_in_its_page_with_its_default():
    page = (REPOSITORY / "docs" / "edge.md").read_text("utf-8")
    told = dict(re.findall(r"(?m)^\| `([A-Z0-9_]+)` \|([^|]*)\|", page))
    fields = {field.alias: field for field in EdgeRunSettings.model_fields.values()}
    assert set(told) == set(fields) - {field.alias for field in LogSettings.model_fields.values()} - OF_TRACES
    for name, default in told.items():
        value = fields[name].default
        if isinstance(value, int | float):
            assert float(default) == value, name


def test_every_setting_of_traces_is_in_their_page():
    page = (REPOSITORY / "docs" / "traces.md").read_text("utf-8")
    assert set(re.findall("`([A-Z]{4}_[A-Z_]+)`", "".join(re.findall(r"(?m)^\| (`OTEL[^|]*)\|", page)))) == OF_TRACES
