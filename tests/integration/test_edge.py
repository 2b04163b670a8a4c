"""The program of one bin against a real gateway, over real services."""

import json

import pytest

from tests.conftest import wait_for
from tests.edge_house import Bin
from tests.gateway_house import GatewayHouse


@pytest.fixture
def gateway(stack, database_url, redis_url, tmp_path):
    house = GatewayHouse(stack, database_url, redis_url, tmp_path)
    yield house
    house.close()


@pytest.fixture
def bin_of(gateway, tmp_path):
    """Return a function that makes a bin of this gateway; all are stopped at the end."""
    bins = []

    def make(**settings):
        bins.append(Bin(tmp_path / f"bin-{len(bins)}", gateway.url, **settings))
        return bins[-1]

    yield make
    for one in bins:
        one.stop()


def events_on(queue):
    """Return the events on a queue, in their order."""
    return [json.loads(received.message.body) for received in queue.receive(1000, 0)]


def test_pictures_of_the_folder_become_events_on_the_queue_and_leave_the_folder(gateway, bin_of):
    one = bin_of().start()
    for number in range(5):
        one.throw(number)
    wait_for(lambda: gateway.edge.depth().total == 5, 30, one.log.read_text)
    events = events_on(gateway.edge)
    assert sorted(event["sequence"] for event in events) == [0, 1, 2, 3, 4]
    assert len({event["event_id"] for event in events}) == 5
    wait_for(lambda: not one.waiting() and one.status()["waiting"] == 0)
    status = one.status()
    assert (status["sent"], status["captured"], status["running"], status["trouble"]) == (5, 5, True, None)
    assert status["clock"] == "measured"
    assert abs(status["clock_offset_s"]) < 2
    assert one.stop() == 0
    assert one.status()["running"] is False
