"""docker-compose.yml with its queues on an emulator of SQS; needs an engine and the images: `make infra-check`."""

import pytest

from contracts.names import EDGE_QUEUE
from tests.compose.site import all_healthy, compose, has_images, register, states, wait_for

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
ON_SQS = ("--env-file", "infra/compose/sqs.env")


@pytest.fixture
def site():
    if not has_images("waste-worker", "waste-sqs"):
        pytest.skip("there is no container engine that has the images: infra/check images")
    compose(*ON_SQS, "down", "--volumes", "--timeout", "5")
    compose(*ON_SQS, "up", "--detach", "--no-build")
    try:
        wait_for(all_healthy, 90, states)
        yield register(["bin-1", "bin-2"])
    finally:
        print(compose(*ON_SQS, "logs", "--no-color", "--tail", "20", check=False)[-8000:])
        compose(*ON_SQS, "down", "--volumes", "--timeout", "20", check=False)


def test_events_come_through_sqs_to_one_outcome_each(site):
    site.send(each=5)
    assert set(site.await_outcomes().values()) == {1}
    # Its list of queues is one of an account and region that a request without a signature does not name.
    assert f"SQS queue created: {EDGE_QUEUE}\n" in compose(*ON_SQS, "logs", "--no-color", "sqs")
