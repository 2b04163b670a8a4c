"""The deployment's calls of ECS and CloudWatch, against botocore's own model of them; no real AWS."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest
from botocore.stub import ANY, Stubber

from infra.deploy.__main__ import _image
from infra.deploy.ecs import EcsSite
from infra.deploy.promotion import CommandRefused
from infra.deploy.rollout import ORDER, DeployFailed
from infra.deploy.smoke import send

FLEET = "waste-test"
DIGEST = "a" * 64


def arn(family, revision):
    return f"arn:aws:ecs:eu-central-1:1:task-definition/{family}:{revision}"


def definition(family, container, image, revision=1):
    return {
        "taskDefinition": {
            "taskDefinitionArn": arn(family, revision),
            "family": family,
            "revision": revision,
            "status": "ACTIVE",
            "cpu": "1024",
            "memory": "2048",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "compatibilities": ["EC2", "FARGATE"],
            "containerDefinitions": [
                {"name": container, "image": image, "readonlyRootFilesystem": True},
                {"name": "beside", "image": "b"},
            ],
        }
    }


@pytest.fixture
def aws():
    keys = {"region_name": "eu-central-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    ecs, cloudwatch = boto3.client("ecs", **keys), boto3.client("cloudwatch", **keys)
    now = iter(range(10_000))
    site = EcsSite(
        ecs, cloudwatch, FLEET, {"subnets": ["s"]}, lambda: None, longest_s=5, clock=lambda: next(now), sleep=lambda _: None
    )
    with Stubber(ecs) as of_ecs, Stubber(cloudwatch) as of_cloudwatch:
        yield site, of_ecs, of_cloudwatch
        of_ecs.assert_no_pending_responses()
        of_cloudwatch.assert_no_pending_responses()


def updates(stub, revision=2):
    stub.add_response(
        "describe_task_definition", definition(f"{FLEET}-worker", "worker", "old"), {"taskDefinition": f"{FLEET}-worker"}
    )
    made = {
        "family": f"{FLEET}-worker",
        "networkMode": "awsvpc",
        "cpu": "1024",
        "memory": "2048",
        "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [
            {"name": "worker", "image": "new", "readonlyRootFilesystem": True},
            {"name": "beside", "image": "b"},
        ],
    }
    stub.add_response("register_task_definition", definition(f"{FLEET}-worker", "worker", "new", revision), made)
    told = {"cluster": FLEET, "service": "worker", "taskDefinition": arn(f"{FLEET}-worker", revision)}
    stub.add_response("update_service", {"service": {}}, told)


def described(stub, *deployments):
    service = {"serviceName": "worker", "status": "ACTIVE", "taskDefinition": "x", "deployments": list(deployments)}
    stub.add_response("describe_services", {"services": [service]}, {"cluster": FLEET, "services": list(ORDER)})


def deployment(revision, state):
    return {"taskDefinition": arn(f"{FLEET}-worker", revision), "rolloutState": state}


def test_a_service_gets_its_own_task_with_another_image_and_is_awaited(aws):
    site, ecs, _ = aws
    updates(ecs)
    described(ecs, deployment(2, "IN_PROGRESS"), deployment(1, "COMPLETED"))
    described(ecs, deployment(2, "COMPLETED"), deployment(1, "COMPLETED"))
    described(ecs, deployment(2, "COMPLETED"))
    site.update("worker", "new")
    site.await_steady(["worker"])


@pytest.mark.parametrize(
    ("deployments", "said"),
    [
        ([deployment(2, "FAILED")], "worker: its deployment failed"),
        ([deployment(1, "COMPLETED")], "circuit breaker took it back"),
    ],
)
def test_a_service_that_does_not_come_up_is_a_failure(aws, deployments, said):
    site, ecs, _ = aws
    updates(ecs)
    described(ecs, *deployments)
    site.update("worker", "new")
    with pytest.raises(DeployFailed, match=said):
        site.await_steady(["worker"])


def test_one_that_never_gets_steady_is_given_up(aws):
    site, ecs, _ = aws
    for _ in range(6):
        described(ecs, deployment(2, "IN_PROGRESS"))
    with pytest.raises(DeployFailed, match="worker: not done within 5 s"):
        site.await_steady(["worker"])


def ran(stub, definition, overrides, code):
    run = {
        "cluster": FLEET,
        "taskDefinition": definition,
        "launchType": "FARGATE",
        "networkConfiguration": ANY,
        "overrides": {"containerOverrides": overrides},
    }
    stub.add_response("run_task", {"tasks": [{"taskArn": "t"}], "failures": []}, run)
    stub.add_response("describe_tasks", {"tasks": [{"lastStatus": "RUNNING"}]})
    stub.add_response("describe_tasks", {"tasks": [{"lastStatus": "STOPPED", "containers": [{"exitCode": code}]}]})


@pytest.mark.parametrize("code", [0, 1])
def test_a_command_runs_once_in_the_task_that_a_service_runs_and_its_exit_code_counts(aws, code):
    site, ecs, _ = aws
    service = {"serviceName": "learning", "status": "ACTIVE", "taskDefinition": arn(f"{FLEET}-learning", 4)}
    ecs.add_response("describe_services", {"services": [service]}, {"cluster": FLEET, "services": list(ORDER)})
    command = ["model", "promote", "glass-7"]
    ran(ecs, arn(f"{FLEET}-learning", 4), [{"name": "learning", "command": command}], code)
    if code:
        with pytest.raises(CommandRefused, match="waste model promote glass-7 ended with 1"):
            site.run_command("learning", command)
    else:
        site.run_command("learning", command)


@pytest.mark.parametrize(("code", "fails"), [(0, False), (1, True)])
def test_the_migration_is_a_task_whose_exit_code_counts(aws, code, fails):
    site, ecs, _ = aws
    ecs.add_response(
        "describe_task_definition", definition(f"{FLEET}-migrate", "migrate", "old"), {"taskDefinition": f"{FLEET}-migrate"}
    )
    ecs.add_response("register_task_definition", definition(f"{FLEET}-migrate", "migrate", "new", 9))
    ran(ecs, arn(f"{FLEET}-migrate", 9), [], code)
    if fails:
        with pytest.raises(DeployFailed, match="ended with 1"):
            site.migrate("new")
    else:
        site.migrate("new")


def test_what_runs_is_what_task_definitions_name_and_refusals_are_said(aws):
    site, ecs, cloudwatch = aws
    described(ecs, deployment(1, "COMPLETED"))
    ecs.add_response("describe_task_definition", definition(f"{FLEET}-worker", "worker", "repo@sha256:1"))
    assert site.running() == {"worker": "repo@sha256:1"}
    ecs.add_client_error("describe_services", "AccessDeniedException", "not allowed")
    with pytest.raises(DeployFailed, match="not allowed"):
        site.running()
    sounding = {"MetricAlarms": [{"AlarmName": "waste-test-oldest"}]}
    cloudwatch.add_response("describe_alarms", sounding, {"AlarmNamePrefix": "waste-test-", "StateValue": "ALARM"})
    assert site.alarms() == ["waste-test-oldest"]


def test_an_image_is_named_by_its_digest():
    assert _image(f"worker=1.dkr.ecr.eu-central-1.amazonaws.com/waste-worker@sha256:{DIGEST}")[0] == "worker"
    for wrong in ("worker", "worker=waste-worker:latest", f"wrker=a@sha256:{DIGEST}", "worker=a@sha256:12"):
        with pytest.raises(Exception, match="is not"):
            _image(wrong)


LEARNING = {"serviceName": "learning", "status": "ACTIVE", "taskDefinition": arn(f"{FLEET}-learning", 4)}
COMMAND = ["model", "promote", "glass-7"]


def asked(stub):
    stub.add_response("describe_services", {"services": [LEARNING]}, {"cluster": FLEET, "services": list(ORDER)})


@pytest.mark.parametrize("code", [137, 143, None])
def test_a_command_that_was_killed_may_have_done_it_and_is_no_refusal(aws, code):
    site, ecs, _ = aws
    asked(ecs)
    ecs.add_response("run_task", {"tasks": [{"taskArn": "t"}], "failures": []})
    container = {} if code is None else {"exitCode": code}
    ecs.add_response("describe_tasks", {"tasks": [{"lastStatus": "STOPPED", "containers": [container]}]})
    with pytest.raises(DeployFailed, match=f"ended with {code}") as failed:
        site.run_command("learning", COMMAND)
    assert not isinstance(failed.value, CommandRefused)


@pytest.mark.parametrize("given_up", ["interrupted", "too late"])
def test_a_command_that_is_given_up_is_stopped_before_anything_is_taken_back(aws, given_up):
    site, ecs, _ = aws
    asked(ecs)
    ecs.add_response("run_task", {"tasks": [{"taskArn": "t"}], "failures": []})
    for _ in range(1 if given_up == "interrupted" else 6):
        ecs.add_response("describe_tasks", {"tasks": [{"lastStatus": "RUNNING"}]})
    ecs.add_response("stop_task", {}, {"cluster": FLEET, "task": "t", "reason": ANY})
    ecs.add_response("describe_tasks", {"tasks": [{"lastStatus": "STOPPED"}]})
    if given_up == "interrupted":
        site.sleep = interrupt
    with pytest.raises(KeyboardInterrupt if given_up == "interrupted" else DeployFailed):
        site.run_command("learning", COMMAND)


def interrupt(_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("services", [[], [LEARNING | {"status": "DRAINING"}]])
def test_a_service_that_is_gone_is_said(aws, services):
    site, ecs, _ = aws
    for _ in range(2):
        ecs.add_response("describe_services", {"services": services, "failures": [{"reason": "MISSING"}]})
    for act in (lambda: site.await_steady(["learning"]), lambda: site.run_command("learning", COMMAND)):
        with pytest.raises(DeployFailed, match="learning is no active service"):
            act()


class OtherServer(BaseHTTPRequestHandler):
    """Answers as something else than a gateway does."""

    def do_POST(self):
        body = self.server.body
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) + self.server.cut_off))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(("body", "cut_off"), [(b"<html>", 0), (b"{}", 0), (b"[]", 0), (b"{}", 9)])
def test_a_gateway_that_answers_oddly_fails_the_picture_and_nothing_else(tmp_path, body, cut_off):
    (tmp_path / "p.jpg").write_bytes(b"jpeg")
    with HTTPServer(("127.0.0.1", 0), OtherServer) as server:
        server.body, server.cut_off = body, cut_off
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(DeployFailed, match="answers otherwise than a gateway"):
            send(f"http://127.0.0.1:{server.server_port}", "bin", "v1.x", tmp_path / "p.jpg")
        server.shutdown()
