"""infra/k8s says the same as the code, the image and docker-compose.yml."""

import re
import shutil
import subprocess
from importlib import import_module
from urllib.parse import urlsplit

import pytest
import yaml

from adapters.telemetry import metrics
from dlq_review.__main__ import ServeSettings
from intake.gateway.__main__ import GatewaySettings
from migrations.logins import LOGINS
from tests.conftest import REPOSITORY
from waste.config import _ROLES
from worker.progress import HARD_DEADLINE_S

FOLDER = REPOSITORY / "infra" / "k8s"
COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text("utf-8"))["services"]
DOCKERFILE = (REPOSITORY / "infra" / "Dockerfile").read_text("utf-8")
README = (FOLDER / "README.md").read_text("utf-8")
SETTINGS = {"gateway": "gateway", "intake": "intake", "worker": "worker", "drain": "dlq", "review": "dlq", "learning": "slow"}
SETTINGS["monitor"] = "monitor"
"""Deployment -> the role of `waste config`."""
NEEDS = {role: {"postgres", "queue", "objects"} for role in SETTINGS} | {
    "gateway": {"postgres", "queue"},
    "intake": {"postgres", "queue"},
    "monitor": {"postgres", "queue"},
}
"""Intake and the gateway never fetch a picture: the gateway only signs where one may be put."""


def documents(folder):
    return [one for path in sorted(folder.glob("*.yaml")) for one in yaml.safe_load_all(path.read_text("utf-8")) if one]


BASE = documents(FOLDER / "base")
DEV = documents(FOLDER / "overlays" / "dev")


def of_kind(kind, found=None):
    return {one["metadata"]["name"]: one for one in found or BASE if one["kind"] == kind}


DEPLOYMENTS = of_kind("Deployment")


def pod(one):
    spec = one["spec"]
    return (spec["jobTemplate"]["spec"] if one["kind"] == "CronJob" else spec)["template"]


PODS = [pod(one) for one in [*BASE, *DEV] if one["kind"] in {"Deployment", "Job", "CronJob", "StatefulSet"}]


def container(role):
    (found,) = pod(DEPLOYMENTS[role])["spec"]["containers"]
    return found


def settings(role):
    module, name = _ROLES[SETTINGS[role]]
    return getattr(import_module(module), name).model_fields.values()


def config_map(found):
    literals = [text for one in found for made in one.get("configMapGenerator", []) for text in made.get("literals", [])]
    return {text.partition("=")[0] for text in literals}


def matches(selector, labels):
    wanted = selector.get("matchLabels", {})
    return all(labels.get(name) == value for name, value in wanted.items())


def seconds(text):
    return int(text.removesuffix("s"))


def test_every_program_of_the_compose_file_is_deployed():
    assert set(DEPLOYMENTS) == set(SETTINGS)
    assert {name for name, one in COMPOSE.items() if one.get("image", "").startswith("waste-")} == {
        *(*SETTINGS, "migrate", "maintenance", "sqs")
    }


@pytest.mark.parametrize("role", SETTINGS)
def test_image_arguments_and_limits_are_those_of_the_compose_file(role):
    here, there = container(role), COMPOSE[role]
    assert here["image"] == there["image"]
    assert re.search(rf"(?m)^FROM role AS {here['image'].removeprefix('waste-')}$", DOCKERFILE)
    assert here.get("args") == there.get("command")
    limits, limited = here["resources"]["limits"], there["deploy"]["resources"]["limits"]
    cpus = {"500m": 0.5}.get(limits["cpu"]) or float(limits["cpu"])
    assert cpus == float(limited["cpus"])
    assert limits["memory"].removesuffix("i").lower() == limited["memory"]
    assert set(here["resources"]["requests"]) == {"cpu", "memory"}


@pytest.mark.parametrize("role", SETTINGS)
def test_what_a_program_is_told_are_settings_of_it_and_nothing_that_it_needs_is_missing(role):
    told = {one["name"] for one in container(role)["env"]}
    known = {field.alias for field in settings(role)}
    assert told <= known
    assert {field.alias for field in settings(role) if field.is_required()} <= told


def test_what_all_are_told_are_settings_of_some_program():
    every = {field.alias for role in SETTINGS for field in settings(role)}
    overlays = [yaml.safe_load((FOLDER / "overlays" / name / "kustomization.yaml").read_text("utf-8")) for name in ("dev", "prod")]
    assert config_map(BASE)
    assert config_map([*BASE, *overlays]) <= every


@pytest.mark.parametrize("role", SETTINGS)
def test_ports_and_probes_are_those_of_the_program(role):
    found = {one["name"]: one["containerPort"] for one in container(role)["ports"]}
    health = int(re.search(r"HEALTH_PORT=(\d+)", DOCKERFILE)[1])
    own = {"gateway": {"http": GatewaySettings.model_fields["gateway_port"].default}}
    own |= {"review": {"http": ServeSettings.model_fields["review_port"].default, "health": health}}
    assert found == own.get(role, {"health": health})
    for probe, path in (("startupProbe", "live"), ("livenessProbe", "live"), ("readinessProbe", "ready")):
        asked = container(role)[probe]["httpGet"]
        assert asked == {"path": f"/health/{path}", "port": "health" if "health" in found else "http"}
    scraped = pod(DEPLOYMENTS[role])["metadata"]["annotations"]["prometheus.io/port"]
    assert int(scraped) == found.get("health", found.get("http"))


def test_services_lead_to_the_port_that_answers():
    assert {name: one["spec"]["ports"][0]["port"] for name, one in of_kind("Service").items()} == {"gateway": 8000, "review": 8080}
    for name, one in of_kind("Service").items():
        assert matches({"matchLabels": one["spec"]["selector"]}, pod(DEPLOYMENTS[name])["metadata"]["labels"])
        assert one["spec"]["ports"][0]["targetPort"] in {port["name"] for port in container(name)["ports"]}


@pytest.mark.parametrize("template", PODS, ids=lambda one: one["metadata"]["labels"]["app.kubernetes.io/name"])
def test_nobody_is_root_writes_to_the_image_or_may_do_anything_special(template):
    spec = template["spec"]
    user = spec["securityContext"]["runAsUser"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert user == 10001 or template["metadata"]["labels"]["app.kubernetes.io/name"] in {"postgres", "valkey", "objects"}
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    # Otherwise a Service called gateway sets GATEWAY_PORT to a URL, and the gateway does not start.
    assert spec["enableServiceLinks"] is False
    for one in spec["containers"]:
        said = one["securityContext"]
        assert said == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        assert {*one["resources"]["limits"], *one["resources"]["requests"]} == {"cpu", "memory"}


def test_a_worker_has_the_time_to_end_what_it_has_begun():
    grace = pod(DEPLOYMENTS["worker"])["spec"]["terminationGracePeriodSeconds"]
    assert grace == seconds(COMPOSE["worker"]["stop_grace_period"]) >= HARD_DEADLINE_S


def test_a_worker_computes_as_much_at_once_as_it_has_cores():
    (at_once,) = (one["value"] for one in container("worker")["env"] if one["name"] == "COMPUTE_AT_ONCE")
    assert at_once == container("worker")["resources"]["limits"]["cpu"]


def secrets_asked_for():
    for template in PODS:
        name = template["metadata"]["labels"]["app.kubernetes.io/name"]
        for one in template["spec"]["containers"]:
            for variable in one.get("env", []):
                if "secretKeyRef" in variable.get("valueFrom", {}):
                    ref = variable["valueFrom"]["secretKeyRef"]
                    yield name, ref["name"], ref["key"]
        for volume in template["spec"]["volumes"]:
            if secret := volume.get("secret"):
                for item in secret.get("items", [{"key": program} for program in LOGINS]):
                    yield name, secret["secretName"], item["key"]


def test_every_secret_that_is_asked_for_stands_in_the_readme_and_no_other():
    told = {
        (name, key)
        for name, keys in re.findall(r"(?m)^\| `(waste-[a-z]+)` \| (.+?) \|", README)
        for key in re.findall("`([^`]+)`", keys)
    }
    assert {(name, key) for _, name, key in secrets_asked_for()} == told


def test_the_master_key_is_for_intake_and_the_gateway_alone():
    assert {role for role, _, key in secrets_asked_for() if key == "device-master-key"} == {"gateway", "intake"}


def test_each_program_reaches_what_it_needs_and_nothing_else():
    policies = of_kind("NetworkPolicy")
    assert policies["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for role, needs in {**NEEDS, "migrate": {"postgres"}}.items():
        labels = pod({**DEPLOYMENTS, **of_kind("Job")}[role])["metadata"]["labels"]
        ways = {name for name, one in policies.items() if one["spec"].get("egress") and matches(one["spec"]["podSelector"], labels)}
        assert ways == {"dns", *(f"to-{need}" for need in needs)}
    for policy in policies.values():
        for way in policy["spec"].get("egress", []) + policy["spec"].get("ingress", []):
            assert way["ports"]
            assert way.get("to") or way.get("from")


def test_every_program_has_a_budget_for_disruptions():
    budgets = {
        name: one["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]
        for name, one in of_kind("PodDisruptionBudget").items()
    }
    assert budgets == {role: role for role in SETTINGS}


def test_the_worker_is_scaled_by_figures_that_intake_exports_and_by_nobody_else():
    scaled = of_kind("ScaledObject")["worker"]["spec"]
    assert scaled["scaleTargetRef"]["name"] == "worker"
    assert "replicas" not in DEPLOYMENTS["worker"]["spec"]
    exported = {one._name for one in (metrics.BACKLOG_SECONDS, metrics.WORKERS_NEEDED)}
    assert {re.search("waste_[a-z_]+", one["metadata"]["query"])[0] for one in scaled["triggers"]} == exported
    # NaN is "not known": the comparison leaves it out, and nothing at all is an error, at which nobody scales in.
    assert all(">= 0" in one["metadata"]["query"] and one["metadata"]["ignoreNullValues"] == "false" for one in scaled["triggers"])
    assert scaled["cooldownPeriod"] >= 300


def test_the_services_of_dev_are_those_of_the_compose_file():
    for name, one in of_kind("StatefulSet", DEV).items():
        assert pod(one)["spec"]["containers"][0]["image"] == COMPOSE[name]["image"]
    compose, here = (REPOSITORY / "infra" / "compose" / "valkey.conf"), FOLDER / "overlays" / "dev" / "valkey.conf"
    assert here.read_text("utf-8") == compose.read_text("utf-8")


@pytest.mark.parametrize("overlay", ["dev", "prod"])
def test_kustomize_builds_the_overlay_with_an_image_of_a_version_for_each_program(overlay):
    if not shutil.which("kubectl"):
        pytest.skip("needs kubectl")
    built = subprocess.run(
        ["kubectl", "kustomize", FOLDER / "overlays" / overlay], capture_output=True, text=True, check=True
    ).stdout
    found = [one for one in yaml.safe_load_all(built) if one["kind"] == "Deployment"]
    assert {one["metadata"]["name"] for one in found} == set(SETTINGS)
    assert all(one["metadata"]["namespace"] == "waste" for one in found)
    assert all(re.search(r":[0-9a-z.]+$", pod(one)["spec"]["containers"][0]["image"]) for one in found)


def test_traces_may_leave_every_program_for_the_port_of_the_collector():
    (made,) = documents(FOLDER / "components" / "traces")[:1]
    policy = of_kind("NetworkPolicy", documents(FOLDER / "components" / "traces"))["to-collector"]["spec"]
    assert all(matches(policy["podSelector"], pod(one)["metadata"]["labels"]) for one in DEPLOYMENTS.values())
    address = dict(text.split("=", 1) for text in made["configMapGenerator"][0]["literals"])["OTEL_EXPORTER_OTLP_ENDPOINT"]
    assert urlsplit(address).port == policy["egress"][0]["ports"][0]["port"]
    told = set(re.findall(r"OTEL_\w+", (REPOSITORY / "docs" / "traces.md").read_text("utf-8")))
    assert config_map([made]) <= told


def test_an_overlay_that_takes_traces_tells_them_to_every_program_and_says_the_share(tmp_path):
    if not shutil.which("kubectl"):
        pytest.skip("needs kubectl")
    overlay = shutil.copytree(FOLDER, tmp_path / "k8s") / "overlays" / "dev"
    text = (overlay / "kustomization.yaml").read_text("utf-8")
    text = text.replace("configMapGenerator:", "components: [../../components/traces]\nconfigMapGenerator:")
    text = text.replace("- LOG_LEVEL=debug", "- LOG_LEVEL=debug\n      - OTEL_TRACES_SAMPLER_ARG=0.05")
    (overlay / "kustomization.yaml").write_text(text, "utf-8")
    built = subprocess.run(["kubectl", "kustomize", overlay], capture_output=True, text=True, check=True).stdout
    found = list(yaml.safe_load_all(built))
    assert "to-collector" in of_kind("NetworkPolicy", found)
    (told,) = (one for name, one in of_kind("ConfigMap", found).items() if re.fullmatch("waste-[a-z0-9]+", name))
    assert {name: value for name, value in told["data"].items() if name.startswith("OTEL_")} == {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel-collector.monitoring:4318",
        "OTEL_TRACES_SAMPLER_ARG": "0.05",
    }
