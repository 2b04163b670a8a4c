"""The program of a bin, killed at any moment: each picture that was put into its folder becomes exactly one event."""

import hashlib
import json
import random
import threading
import time
from collections import Counter

import pytest

from adapters.pictures.bare import bare
from tests.conftest import wait_for
from tests.edge_house import Bin, fetched, picture
from tests.gateway_house import GatewayHouse


@pytest.fixture
def gateway(stack, database_url, redis_url, tmp_path):
    house = GatewayHouse(stack, database_url, redis_url, tmp_path, DEVICE_RATE=10_000, DEVICE_BURST=10_000)
    yield house
    house.close()


class Reader:
    """Takes all events from the queue, as intake does, and looks at what their pictures are."""

    def __init__(self, house, stack):
        self.house, self.stack, self.events = house, stack, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        while not self._stop.is_set():
            received = self.house.edge.receive(500, 0.2)
            self.events += [json.loads(one.message.body) for one in received]
            self.house.edge.ack([one.receipt for one in received])

    def stop(self):
        self._stop.set()
        self._thread.join(10)

    def digests(self):
        """Return the SHA-256 of each distinct event's picture, as it lies in the object store."""
        urls = {event["event_id"]: event["image_url"] for event in self.events}
        return [hashlib.sha256(fetched(self.stack, url)).hexdigest() for url in urls.values()]


@pytest.mark.timeout(900)
def test_each_picture_becomes_one_event_when_the_bins_program_is_killed(gateway, stack, tmp_path, times, fault):
    kills, chance = times(200, 20), random.Random(7)
    one, reader = Bin(tmp_path / "bin", gateway.url, EDGE_CONTACT_S=2), Reader(gateway, stack)
    throwing, thrown = threading.Event(), []

    def throw():
        while not throwing.is_set():
            one.throw(len(thrown))
            thrown.append(hashlib.sha256(bare(picture(len(thrown)))).hexdigest())
            time.sleep(chance.uniform(0.02, 0.2))

    thrower = threading.Thread(target=throw)
    thrower.start()
    try:
        for _ in range(kills):
            one.start()
            time.sleep(chance.uniform(0.3, 1.6))
            one.kill()
            fault("kill -9 of a bin's program")
        throwing.set()
        thrower.join()
        one.start()
        wait_for(lambda: not one.waiting() and one.status()["waiting"] == 0, 120, one.log.read_text)
        assert one.stop() == 0
    finally:
        throwing.set()
        reader.stop()
    assert Counter(reader.digests()) == Counter(thrown)
    assert sorted({event["sequence"] for event in reader.events}) == list(range(len(thrown)))
    bodies = {(event["event_id"], json.dumps(event, sort_keys=True)) for event in reader.events}
    assert len(bodies) == len(thrown), "an event came twice with different content"
    print(f"{len(thrown)} pictures, {kills} kills")
