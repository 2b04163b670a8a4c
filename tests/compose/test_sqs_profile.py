"""docker-compose.yml with its queues on an emulator of SQS; needs an engine and the images: `make infra-check`."""

import pytest

from contracts.names import EDGE_QUEUE
from tests.compose.site import all_healthy, compose, has_images, register, states, wait_for

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
ON_SQS = ("--env-file", "infra/compose/sqs.env")
# The emulator has the queues of each account and region apart; who asks is told from the header.
ASK = """
import urllib.request
who = "AWS4-HMAC-SHA256 Credential=000000000000/20260101/eu-central-1/sqs/aws4_request, SignedHeaders=host, Signature=0"
request = urllib.request.Request("http://127.0.0.1:4566/?Action=ListQueues", b"", {"Authorization": who})
print(urllib.request.urlopen(request).read().decode())
"""


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
    assert EDGE_QUEUE in compose(*ON_SQS, "exec", "-T", "sqs", "python3", "-c", ASK)
