"""A whole fleet of real processes, for tests that look at it from outside."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from adapters.queues import open_message_queue
from adapters.s3.objects import S3Objects
from adapters.s3.sigv4 import AwsKeys
from contracts.messages import Message
from contracts.names import EDGE_QUEUE, SIGNATURE_HEADER
from contracts.signatures import derive_credential, sign
from local.fleet import LocalFleet
from producer.device import Device
from producer.simulate import make_fleet
from producer.uplink import Shot, Uplink
from tests.conftest import wait_for


class Outside:
    """What a device and an auditor can do."""

    def __init__(self, fleet):
        self.fleet = fleet
        addresses = fleet.stack.addresses
        environment = fleet.environment("edge")
        self.master_key = bytes.fromhex(environment["DEVICE_MASTER_KEY"])
        keys = AwsKeys(addresses.s3_access_key, addresses.s3_secret_key)
        self.objects = S3Objects(
            lambda: keys, endpoint_url=addresses.s3_endpoint, region=addresses.s3_region, bucket=addresses.s3_bucket
        )
        self.edge = open_message_queue(
            environment.get("EDGE_QUEUE_URL", environment["QUEUE_URL"]), EDGE_QUEUE, lease_s=60, region="eu-central-1"
        )
        self.uplink = Uplink(self.objects, self.edge)
        self.accepted: list[UUID] = []

    def send(self, images, bins=5):
        """Send pictures; return the ids in the order of their acceptance."""
        devices = make_fleet(bins, self.master_key, lambda: datetime.now(UTC))
        shots = (lambda d=devices[i % bins], image=image: Shot(d, image) for i, image in enumerate(images))
        ids = [sent.capture.event_id for batch in self.uplink.send(shots) for sent in batch]
        self.accepted += ids
        return ids

    def send_url(self, image_url, sensor_id="bin-1"):
        """Send an event that points anywhere."""
        device = Device(derive_credential(self.master_key, sensor_id), lambda: datetime.now(UTC))
        capture = device.capture(b"")
        self.edge.publish([device.message(capture, image_url)])
        return capture.event_id

    def publish(self, body, signature=None, sensor_id="bin-7"):
        """Publish any body, signed as a sensor's own unless told otherwise."""
        signature = sign(derive_credential(self.master_key, sensor_id), body) if signature is None else signature
        self.edge.publish([Message(body, {SIGNATURE_HEADER: signature})])

    def query(self, text, *values):
        with psycopg.connect(self.fleet.stack.postgres.url("waste"), autocommit=True) as connection:
            return connection.execute(text, values).fetchall()

    def outcomes(self, ids):
        rows = self.query("SELECT event_id, kind, reason FROM outcomes WHERE event_id = ANY(%s)", list(ids))
        return {event_id: (kind, reason) for event_id, kind, reason in rows}

    def await_outcomes(self, ids, timeout_s=60):
        """Wait until each of the events has its outcome, and return them."""
        wait_for(lambda: len(self.outcomes(ids)) == len(ids), timeout_s, f"{len(ids)} outcomes")
        return self.outcomes(ids)

    def audit(self):
        """Return what the invariant forbids: (lost, doubled, still open)."""
        outcomes = [event_id for (event_id,) in self.query("SELECT event_id FROM outcomes")]
        lost = set(self.accepted) - set(outcomes)
        doubled = len(outcomes) - len(set(outcomes))
        (still_open,) = self.query("SELECT count(*) FROM events WHERE open")[0]
        return lost, doubled, still_open


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with LocalFleet(tmp_path_factory.mktemp("fleet"), durable=False) as running:
        yield running


@pytest.fixture(scope="module")
def outside(fleet):
    return Outside(fleet)


@pytest.fixture(scope="session")
def pictures():
    """A hundred rendered pictures with what they show."""
    from contracts.categories import CATEGORIES
    from producer.render import render

    jobs = [(CATEGORIES[i % 5], i) for i in range(60)]
    with ThreadPoolExecutor(2) as pool:
        return list(zip(pool.map(lambda job: render(*job), jobs), [category for category, _ in jobs], strict=True))


def digest(value):
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
