"""Services on ECS, as `infra/terraform` makes them: all is named after the fleet, each service and container after its program."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.deploy.promotion import CommandRefused
from infra.deploy.rollout import ORDER, DeployFailed

_COPIED = (
    "family",
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "containerDefinitions",
    "volumes",
    "placementConstraints",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "runtimePlatform",
    "ephemeralStorage",
)
_ERRORS = (BotoCoreError, ClientError)
MIGRATE = "migrate"
_SAID_NO = (1, 2)
"""Exit codes of `waste`; others are of something that ended it."""


@dataclass
class EcsSite:
    """Implements `infra.deploy.rollout.Site` and `infra.deploy.promotion.ModelSite`.

    `ecs` and `cloudwatch` are boto3 clients, `name` is the fleet's, `network` an awsvpcConfiguration for tasks that run once,
    `send` sends a picture through the fleet, and `clock` and `sleep` are those of `time`.
    """

    ecs: Any
    cloudwatch: Any
    name: str
    network: Mapping[str, Any]
    send: Callable[[], object]
    longest_s: float = 900.0
    every_s: float = 10.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    _told: dict[str, str] = field(default_factory=dict)

    def running(self) -> dict[str, str]:
        """Return the image of each service, as its task definition names it."""
        return {
            name: self._container(self._definition(one["taskDefinition"]), name)["image"] for name, one in self._services().items()
        }

    def migrate(self, image: str) -> None:
        """Run the task that migrates, once, with `image`, and await its exit code."""
        code, reason = self._run(
            self._with_image(f"{self.name}-{MIGRATE}", MIGRATE, image), MIGRATE, None, "the task that migrates"
        )
        if code != 0:
            raise DeployFailed(f"the task that migrates ended with {code}: {reason}")

    def run_command(self, service: str, arguments: Sequence[str]) -> None:
        """Run `waste` with these arguments in a task as the service's own."""
        definition = self._service(service)["taskDefinition"]
        code, reason = self._run(definition, service, arguments, f"waste {' '.join(arguments[:2])}")
        said = f"waste {' '.join(arguments)} ended with {code}: {reason}; the log of {service} says why"
        if code in _SAID_NO:
            raise CommandRefused(said)
        if code != 0:
            raise DeployFailed(said)

    def update(self, service: str, image: str) -> None:
        """Register the service's task with another image, and have the service run it."""
        definition = self._with_image(f"{self.name}-{service}", service, image)
        self._call(self.ecs.update_service, cluster=self.name, service=service, taskDefinition=definition)
        self._told[service] = definition

    def await_steady(self, services: Sequence[str]) -> None:
        """Wait until each service has one deployment and it is complete; one that the circuit breaker has ended is a failure."""
        for service in services:
            self._await(lambda one=service: self._steady(one), service)  # type: ignore[misc]

    def smoke(self) -> None:
        """Send one picture through the whole fleet and wait for its outcome."""
        self.send()

    def alarms(self) -> list[str]:
        """Return the names of the fleet's alarms that sound."""
        found = self._call(self.cloudwatch.describe_alarms, AlarmNamePrefix=f"{self.name}-", StateValue="ALARM")
        return sorted(one["AlarmName"] for one in found["MetricAlarms"])

    def _run(self, definition: str, container: str, command: Sequence[str] | None, what: str) -> tuple[int | None, str]:
        started = self._call(
            self.ecs.run_task,
            cluster=self.name,
            taskDefinition=definition,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": dict(self.network)},
            overrides={"containerOverrides": [{"name": container, "command": list(command)}] if command else []},
        )
        if not started["tasks"]:
            raise DeployFailed(f"{what} did not start: {started['failures']}")
        task = started["tasks"][0]["taskArn"]
        try:
            ended = self._await(lambda: self._ended(task), what)
        except BaseException:
            self._stop(task)  # what goes on behind a way back would undo it
            raise
        return ended["containers"][0].get("exitCode"), ended.get("stoppedReason", "")

    def _stop(self, task: str) -> None:
        with suppress(DeployFailed):
            self._call(self.ecs.stop_task, cluster=self.name, task=task, reason="given up by the deployment")
            self._await(lambda: self._ended(task), "its end")

    def _service(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] | None = self._services().get(name)
        if found is None:
            raise DeployFailed(f"{name} is no active service of {self.name}")
        return found

    def _services(self) -> dict[str, Any]:
        found = self._call(self.ecs.describe_services, cluster=self.name, services=list(ORDER))
        return {one["serviceName"]: one for one in found["services"] if one["status"] == "ACTIVE"}

    def _definition(self, name: str) -> dict[str, Any]:
        definition: dict[str, Any] = self._call(self.ecs.describe_task_definition, taskDefinition=name)["taskDefinition"]
        return definition

    def _with_image(self, family: str, container: str, image: str) -> str:
        found = self._definition(family)
        self._container(found, container)["image"] = image
        made = {key: found[key] for key in _COPIED if found.get(key)}
        return str(self._call(self.ecs.register_task_definition, **made)["taskDefinition"]["taskDefinitionArn"])

    def _container(self, definition: Mapping[str, Any], name: str) -> dict[str, Any]:
        for container in definition["containerDefinitions"]:
            if container["name"] == name:
                found: dict[str, Any] = container
                return found
        raise DeployFailed(f"{definition['family']} has no container {name}")

    def _steady(self, service: str) -> object:
        deployments = self._service(service)["deployments"]
        if not deployments:
            return False
        newest = deployments[0]
        if newest["taskDefinition"] != self._told.get(service, newest["taskDefinition"]):
            raise DeployFailed(f"{service}: its circuit breaker took it back to {newest['taskDefinition']}")
        if newest.get("rolloutState") == "FAILED":
            raise DeployFailed(f"{service}: {newest.get('rolloutStateReason', 'its deployment failed')}")
        return len(deployments) == 1 and newest.get("rolloutState") == "COMPLETED"

    def _ended(self, task: str) -> Any:
        found = self._call(self.ecs.describe_tasks, cluster=self.name, tasks=[task])["tasks"]
        return found[0] if found and found[0]["lastStatus"] == "STOPPED" else None

    def _await(self, done: Callable[[], Any], what: str) -> Any:
        until = self.clock() + self.longest_s
        while not (found := done()):
            if self.clock() > until:
                raise DeployFailed(f"{what}: not done within {self.longest_s:g} s")
            self.sleep(self.every_s)
        return found

    def _call(self, method: Callable[..., Any], **arguments: Any) -> Any:
        try:
            return method(**arguments)
        except _ERRORS as error:
            raise DeployFailed(str(error)) from error
