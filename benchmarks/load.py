"""What the contestants are given: pictures in the object store, and events about them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

import redis

from adapters.redis.queue import RedisMessageQueue, connect
from adapters.s3.objects import S3Objects
from adapters.s3.sigv4 import AwsKeys
from contracts.messages import Message
from contracts.names import EDGE_QUEUE
from local.fleet import LocalFleet
from producer.device import Device
from producer.simulate import make_fleet

_BATCH = 1000


@dataclass(frozen=True)
class Load:
    """Stored pictures and the fleet of bins that tells of them."""

    urls: list[str]
    devices: list[Device]
    queue: RedisMessageQueue
    broker_url: str
    _turn: Iterator[int] = field(default_factory=count)

    def messages(self, events: int) -> Iterator[list[Message]]:
        """Yield signed events in batches, each about one of the pictures in turn."""
        for start in range(0, events, _BATCH):
            yield [self._message(number) for number in range(start, min(start + _BATCH, events))]

    def enqueue(self, events: int) -> None:
        """Put events on the edge queue."""
        for batch in self.messages(events):
            self.queue.publish(batch)

    def throw_away(self) -> None:
        """Empty the broker of everything."""
        redis.Redis.from_url(self.broker_url).flushall()

    def send_one(self) -> dict[str, datetime]:
        """Enqueue one event now; returns its id and when it was captured."""
        device, url = self.devices[0], self.urls[next(self._turn) % len(self.urls)]
        capture = device.capture(b"")
        self.queue.publish([device.message(capture, url)])
        return {str(capture.event_id): capture.captured_at}

    def _message(self, number: int) -> Message:
        device = self.devices[number % len(self.devices)]
        return device.message(device.capture(b""), self.urls[number % len(self.urls)])


def store_pictures(fleet: LocalFleet, pictures: list[bytes], folder: str) -> Load:
    """Put pictures into the fleet's object store."""
    addresses = fleet.stack.addresses
    keys = AwsKeys(addresses.s3_access_key, addresses.s3_secret_key)
    objects = S3Objects(lambda: keys, endpoint_url=addresses.s3_endpoint, region=addresses.s3_region, bucket=addresses.s3_bucket)
    urls = [objects.put(f"{folder}/{number}.jpg", picture, "image/jpeg") for number, picture in enumerate(pictures)]
    environment = fleet.environment("edge")
    devices = make_fleet(50, bytes.fromhex(environment["DEVICE_MASTER_KEY"]), lambda: datetime.now(UTC))
    url = environment["QUEUE_URL"]
    return Load(urls, devices, RedisMessageQueue(connect(url), EDGE_QUEUE), url)
