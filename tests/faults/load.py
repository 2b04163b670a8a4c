"""A fleet of bins that goes on sending whatever happens, and writes down what was accepted."""

import itertools
import threading
import time
from datetime import UTC, datetime

from adapters.queues import open_message_queue
from adapters.s3.objects import S3Objects
from adapters.s3.sigv4 import AwsKeys
from contracts.errors import Infrastructure
from contracts.names import EDGE_QUEUE
from producer.records import Records
from producer.simulate import make_fleet
from producer.uplink import Sent, Shot
from tests.makers import a_jpeg

COLOURS = {"plastic": (230, 20, 20), "paper": (20, 230, 20), "glass": (20, 20, 230), "unsure": (120, 120, 120)}


class Load:
    """Pictures in the store, and events about them. An id is accepted when it is in the file, on the disk."""

    def __init__(self, fleet):
        addresses = fleet.stack.addresses
        environment = fleet.environment("edge")
        keys = AwsKeys(addresses.s3_access_key, addresses.s3_secret_key)
        self.objects = S3Objects(
            lambda: keys, endpoint_url=addresses.s3_endpoint, region=addresses.s3_region, bucket=addresses.s3_bucket
        )
        self.master_key = bytes.fromhex(environment["DEVICE_MASTER_KEY"])
        self.queue = open_message_queue(environment["QUEUE_URL"], EDGE_QUEUE, lease_s=60, region="eu-central-1")
        self.urls = [self.put(f"{name}.jpg", a_jpeg(colour)) for name, colour in COLOURS.items()]
        self.devices = make_fleet(20, self.master_key, lambda: datetime.now(UTC))
        self.accepted = fleet.data_dir / "accepted.txt"
        self._records = Records(accepted=self.accepted, truth=None)
        self._lock = threading.Lock()
        self.refusals = 0

    def put(self, key, data):
        return self.objects.put(f"faults/{key}", data, "image/jpeg")

    def ids(self):
        return self.accepted.read_text("utf-8").split()

    def make(self, count, urls=None):
        """Return signed events that nobody has accepted yet."""
        urls = itertools.cycle(urls or self.urls)
        made = []
        for number in range(count):
            device = self.devices[number % len(self.devices)]
            capture = device.capture(b"")
            made.append(Sent(Shot(device, b""), capture, device.message(capture, next(urls))))
        return made

    def publish(self, made):
        """Publish until the queue takes them; then they are accepted."""
        while True:
            try:
                self.queue.publish([sent.message for sent in made])
            except Infrastructure:
                self.refusals += 1
                time.sleep(0.2)
            else:
                break
        with self._lock:
            self._records.write(made)
        return [sent.capture.event_id for sent in made]

    def send(self, count, urls=None):
        return self.publish(self.make(count, urls))

    def stream(self, count, rate):
        """Send `count` events at `rate` a second from a thread; returns the thread."""

        def run():
            began, sent = time.monotonic(), 0
            while sent < count:
                due = min(count, int((time.monotonic() - began) * rate) + 1)
                if due > sent:
                    self.send(due - sent)
                    sent = due
                time.sleep(0.05)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread
