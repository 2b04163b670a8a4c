"""docker-compose.yml and the Dockerfile name what is there in code: settings, roles, ports, packages."""

import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from adapters.environment import read_settings
from tests.conftest import REPOSITORY
from waste.__main__ import _COMMANDS
from waste.config import _ROLES

COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
DOCKERFILE = (REPOSITORY / "infra" / "Dockerfile").read_text()
PROGRAMS = {
    "gateway": "gateway",
    "intake": "intake",
    "worker": "worker",
    "drain": "dlq",
    "review": "dlq",
    "learning": "slow",
    "monitor": "monitor",
}
ROLES = PROGRAMS | {"maintenance": "db"}
OURS = {name: one for name, one in COMPOSE["services"].items() if one["image"].startswith("waste-") and "profiles" not in one}
TARGETS = re.findall(r"^FROM role AS (\w+)$", DOCKERFILE, re.MULTILINE)


def fields_of(role):
    module, name = _ROLES[role]
    return {field.alias: field for field in getattr(import_module(module), name).model_fields.values()}


@pytest.mark.parametrize("service", ROLES)
def test_each_variable_of_a_service_is_a_setting_and_a_file_holds_secrets_alone(service):
    known = fields_of(ROLES[service])
    others = {alias for role in _ROLES for alias in fields_of(role)}
    for variable in COMPOSE["services"][service]["environment"]:
        name = variable.removesuffix("_FILE")
        assert name in others, f"{service}: {variable} is no setting of any program"
        if variable.endswith("_FILE") and name in known:
            assert "SecretStr" in str(known[name].annotation), f"{service}: {variable} is read from no file"


@pytest.mark.parametrize("service", ROLES)
def test_a_service_has_all_that_its_program_needs(service, tmp_path):
    environment = {}
    held = {"DATABASE_URL_FILE": "postgresql://u:p@h/d", "QUEUE_URL_FILE": "redis://u:p@h:6379/0"}
    for variable, value in COMPOSE["services"][service]["environment"].items():
        environment[variable] = re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", str(value))
        if variable.endswith("_FILE"):
            (tmp_path / variable).write_text(held.get(variable, "ab" * 32))
            environment[variable] = str(tmp_path / variable)
    module, name = _ROLES[ROLES[service]]
    read_settings(getattr(import_module(module), name), environment)


def test_every_image_has_a_target_whose_command_and_packages_exist():
    for target in TARGETS:
        stage = DOCKERFILE.partition(f"FROM role AS {target}\n")[2].partition("\nFROM ")[0]
        command = re.search(r'^CMD \["(\w+)"', stage, re.MULTILINE)[1]
        assert command in _COMMANDS
    for roles in re.findall(r"install-role (.+)$", DOCKERFILE, re.MULTILINE):
        for role in roles.split():
            assert (REPOSITORY / "requirements" / f"{role}.txt").exists()
            assert f"requirements/{role}.txt" in DOCKERFILE
    built = {service["build"]["target"] for service in OURS.values() if "build" in service}
    assert built <= {*TARGETS}
    assert {service["image"].removeprefix("waste-") for service in OURS.values()} == built


def test_every_package_of_ours_is_in_the_images():
    packages = re.search(r"^packages = \[(.*)\]$", (REPOSITORY / "pyproject.toml").read_text(), re.MULTILINE)[1]
    for package in re.findall(r'"(\w+)"', packages):
        assert f"COPY {package} /build/{package}" in DOCKERFILE
        assert f"!{package}\n" in (REPOSITORY / ".dockerignore").read_text()


def test_every_service_is_held_and_every_file_that_it_mounts_is_there():
    for name, service in COMPOSE["services"].items():
        assert "no-new-privileges:true" in service.get("security_opt", ()), name
        if name not in {"secrets", "bucket", "migrate"}:
            assert {"cpus", "memory", "pids"} <= service["deploy"]["resources"]["limits"].keys(), name
        if name in {*ROLES, "sqs"}:
            assert (service["read_only"], service["cap_drop"], service["restart"]) == (True, ["ALL"], "unless-stopped"), name
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or (REPOSITORY / Path(source)).exists(), f"{name}: {source}"


def test_what_prometheus_scrapes_is_what_serves_metrics():
    scraped = yaml.safe_load((REPOSITORY / "infra" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    found = {name: config["port"] for job in scraped for config in job["dns_sd_configs"] for name in config["names"]}
    ports = dict(re.findall(r"(HEALTH_PORT|GATEWAY_PORT)=(\d+)", DOCKERFILE))
    assert found == dict.fromkeys(PROGRAMS, int(ports["HEALTH_PORT"])) | {"gateway": int(ports["GATEWAY_PORT"])}


def test_the_queues_of_the_profile_sqs_are_its_emulator_and_no_secret_overrides_them():
    told = dict(
        line.split("=", 1) for line in (REPOSITORY / "infra" / "compose" / "sqs.env").read_text().splitlines() if line[0] != "#"
    )
    (profile,) = COMPOSE["services"]["sqs"]["profiles"]
    assert told["COMPOSE_PROFILES"] == profile
    assert told["QUEUE_URL_FILE"] == ""
    dockerfile = (REPOSITORY / COMPOSE["services"]["sqs"]["build"]["dockerfile"]).read_text()
    assert told["QUEUE_URL"].endswith(f"@sqs:{re.search('GATEWAY_PORT=([0-9]+)', dockerfile)[1]}")
    for service in PROGRAMS:
        environment = COMPOSE["services"][service]["environment"]
        assert environment["QUEUE_URL"] == "${QUEUE_URL:-}"
        assert environment["QUEUE_URL_FILE"] == "${QUEUE_URL_FILE-/secrets/queue-url}", "without a colon: an empty one counts"


def test_a_worker_computes_as_much_at_once_as_it_has_cores():
    worker = COMPOSE["services"]["worker"]
    assert worker["environment"]["COMPUTE_AT_ONCE"] == worker["deploy"]["resources"]["limits"]["cpus"]


def test_of_the_object_store_s3_alone_is_for_others_and_a_small_disk_holds_more_than_a_volume():
    told = dict(one[1:].split("=", 1) for one in COMPOSE["services"]["objects"]["command"] if "=" in one)
    assert (told["ip"], told["ip.bind"], told["s3.ip.bind"]) == ("127.0.0.1", "127.0.0.1", "0.0.0.0")
    assert int(told["master.volumeSizeLimitMB"]) <= 1024
    assert COMPOSE["services"]["bucket"]["network_mode"] == "service:objects"
