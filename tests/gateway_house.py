"""A gateway behind a real server, over real services, for tests; intake and a worker's ledger beside it."""

import json
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx2 as httpx

from adapters.celery.queue import CeleryWorkQueue, celery_app
from adapters.environment import read_settings
from adapters.http.server import open_server
from adapters.memory.queue import MemoryMessageQueue
from adapters.postgres.connections import open_pool
from adapters.postgres.intake import PostgresIntakeLedger
from adapters.postgres.worker import PostgresWorkerLedger
from adapters.queues import open_edge_queue
from adapters.settings import QueueSettings
from contracts.codec import encode_event
from contracts.image_urls import UrlRule
from contracts.signatures import derive_credential, device_token, sign
from intake.drain import Drain
from intake.gateway.__main__ import GatewaySettings, open_app
from local.database import ensure_logins
from local.ports import free_port
from tests.desk_house import Heard
from tests.makers import MASTER_KEY, an_event, an_outcome


class GatewayHouse:
    """A gateway, and what stands behind it."""

    def __init__(self, stack, database_url, redis_url, secrets_dir, traces=None, **settings):
        addresses = stack.addresses
        self.urls = ensure_logins(stack.postgres, secrets_dir, database_url.rpartition("/")[2])
        self.environment = {
            "QUEUE_URL": redis_url,
            "DATABASE_URL": self.urls["gateway"],
            "DEVICE_MASTER_KEY": MASTER_KEY.hex(),
            "S3_ENDPOINT_URL": addresses.s3_endpoint,
            "S3_REGION": addresses.s3_region,
            "S3_BUCKET": addresses.s3_bucket,
            "AWS_ACCESS_KEY_ID": addresses.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": addresses.s3_secret_key,
            "GATEWAY_PORT": str(free_port()),
        } | {name: str(value) for name, value in settings.items()}
        self.settings = read_settings(GatewaySettings, self.environment)
        self.edge = open_edge_queue(read_settings(QueueSettings, {"QUEUE_URL": redis_url}))
        self.pools = {role: open_pool(self.urls[role], name=role, max_size=4) for role in ("gateway", "intake", "worker")}
        self.worker = PostgresWorkerLedger(self.pools["worker"])
        self.url = f"http://127.0.0.1:{self.settings.gateway_port}"
        self.drain = Drain(
            self.edge,
            PostgresIntakeLedger(self.pools["intake"]),
            CeleryWorkQueue(celery_app(redis_url, region="")),
            MemoryMessageQueue(),
            master_key=MASTER_KEY,
            urls=UrlRule(frozenset({addresses.s3_bucket})),
            clock=lambda: datetime.now(UTC),
            telemetry=Heard(),
        )
        self._server = open_server(
            open_app(self.settings, self.pools["gateway"], traces), host="127.0.0.1", port=self.settings.gateway_port
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def client(self, sensor_id="bin-7", generation=1, **options):
        """Return a device's HTTP client."""
        token = device_token(derive_credential(MASTER_KEY, sensor_id, generation))
        return httpx.Client(base_url=self.url, headers={"authorization": f"Bearer {token}"}, timeout=40, **options)

    def event(self, **changes):
        """Return an event and its document."""
        event = an_event(image_url=f"s3://{self.settings.s3_bucket}/a.jpg", **changes)
        return event, json.loads(encode_event(event))

    def decide(self, event, **how):
        """Record an event's outcome as a worker does."""
        self.worker.record([an_outcome(event, **how)], event.event_id)

    @contextmanager
    def working(self):
        """Let intake and something like a worker decide whatever comes."""
        stop = threading.Event()

        def work():
            while not stop.is_set():
                if self.drain.take_one(0.05):
                    with self.pools["worker"].connection() as connection:
                        rows = connection.execute("SELECT event_id, sensor_id FROM events WHERE open").fetchall()
                    for event_id, sensor_id in rows:
                        self.decide(an_event(event_id=event_id, sensor_id=sensor_id))

        thread = threading.Thread(target=work)
        thread.start()
        yield
        stop.set()
        thread.join(10)

    def close(self):
        self._server.should_exit = True
        self._thread.join(10)
        for pool in self.pools.values():
            pool.close()


def signed(event, generation=1):
    """Return an event's body and signature, as its device makes them."""
    body = encode_event(event)
    return body, sign(derive_credential(MASTER_KEY, event.sensor_id, generation), body)
