"""The whole path once with SQS for all three queues (an emulator; said so wherever it matters)."""

import pytest

from local.fleet import LocalFleet
from tests.conftest import wait_for
from tests.e2e.conftest import Outside


class SqsFleet(LocalFleet):
    """A fleet whose queues are on SQS."""

    def __init__(self, data_dir, url):
        super().__init__(data_dir, durable=False)
        self._url = url

    def _common(self):
        return super()._common() | {"QUEUE_URL": self._url, "AWS_REGION": "eu-central-1"}


@pytest.fixture
def outside(tmp_path, sqs_url):
    with SqsFleet(tmp_path, sqs_url) as fleet:
        yield Outside(fleet)


@pytest.mark.timeout(180)
def test_events_come_through_sqs_to_one_outcome_each(outside, pictures):
    ids = outside.send([image for image, _ in pictures[:40]])
    outside.publish(b"not an event")
    outcomes = outside.await_outcomes(ids, 90)
    assert {kind for kind, _ in outcomes.values()} <= {"prediction", "review"}
    assert outside.audit()[:2] == (set(), 0)
    wait_for(lambda: outside.query("SELECT reason FROM failures") == [("event_invalid",)], 30, "the failure")
    unsure = [event_id for event_id, (kind, _) in outcomes.items() if kind == "review"]
    wait_for(lambda: outside.query("SELECT count(*) FROM review_items")[0][0] == len(unsure), 30, "the review items")
