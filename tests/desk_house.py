"""A review desk over real services, for tests: Postgres as the desk's own login, pictures in the real store."""

import random
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import uvicorn
from starlette.testclient import TestClient

from adapters.environment import read_settings
from adapters.image_source import SourceSettings, open_image_source
from adapters.memory.queue import MemoryMessageQueue
from adapters.passwords import Argon2Passwords
from adapters.pictures.for_people import FleetPictures
from adapters.postgres.connections import open_pool
from adapters.postgres.intake import PostgresIntakeLedger
from adapters.postgres.rollups import PostgresRollups
from adapters.postgres.worker import PostgresWorkerLedger
from adapters.s3.objects import S3Objects
from adapters.s3.sigv4 import AwsKeys
from contracts.accounts import Role
from contracts.categories import CATEGORIES
from contracts.labels import NewLabel, Origin
from contracts.names import OutcomeKind
from contracts.outcomes import DeadLetter, raw_text
from contracts.review import Holder
from dlq_review.__main__ import ledgers, room_of
from dlq_review.desk import Desk
from dlq_review.people import create_account
from dlq_review.web.app import create_app
from dlq_review.web.visitors import Doors
from local.database import ensure_logins
from tests.makers import a_jpeg, accepted, an_event, an_outcome

PASSWORD = "correct horse battery"
URL = "http://127.0.0.1:8080"
PAGES = {
    Role.REVIEWER: ["/review", "/review/grid", "/items", "/history", "/backlog", "/account", "/api/v1/items", "/api/v1/backlog"],
    Role.OPS: [
        "/failures",
        "/failures/export",
        "/quality",
        "/items?lane=failures",
        "/api/v1/items?lane=failures",
        "/api/v1/label-studio/tasks",
        "/console",
        "/console/model",
        "/console/models",
        "/console/sensors",
        "/console/search",
        "/api/v1/console/fleet",
        "/api/v1/console/model",
    ],
    Role.ADMIN: ["/people"],
}
"""What each role is needed for."""


class Heard:
    """Telemetry that remembers."""

    def __init__(self):
        self.facts = []

    def emit(self, fact):
        self.facts.append(fact)


class House:
    """The desk, who works at it, and what lies on it."""

    def __init__(self, stack, database_url, sql, secrets_dir, **settings):
        urls = ensure_logins(stack.postgres, secrets_dir, database_url.rpartition("/")[2])
        self.sql, self.urls, self.stack = sql, urls, stack
        self.pools = {role: open_pool(urls[role], name=role, max_size=8) for role in ("review", "worker", "intake")}
        pool = self.pools["review"]
        self.telemetry, self.edge_queue, self.dead_letters = Heard(), MemoryMessageQueue(), MemoryMessageQueue()
        self.intake, self.worker = PostgresIntakeLedger(self.pools["intake"]), PostgresWorkerLedger(self.pools["worker"])
        values = ledgers(pool, second_opinion_share=0.0) | {
            "edge_queue": self.edge_queue,
            "dead_letters": self.dead_letters,
            "clock": lambda: datetime.now(UTC),
            "telemetry": self.telemetry,
            "chance": random.Random(1).random,
            "public_url": URL,
            "pictures": FleetPictures(open_image_source(self.source())),
            "passwords": Argon2Passwords(),
        }
        self.desk = Desk(**(values | settings))
        self.rollups = PostgresRollups(pool, CATEGORIES, grace_s=0.0)
        self.room = room_of(pool)
        self.doors = Doors(public_url=URL)
        self._keys = AwsKeys(stack.addresses.s3_access_key, stack.addresses.s3_secret_key)

    def source(self):
        return read_settings(SourceSettings, self.store)

    @property
    def store(self):
        """The object store, as a program's environment says it."""
        addresses = self.stack.addresses
        return {
            "S3_ENDPOINT_URL": addresses.s3_endpoint,
            "S3_REGION": addresses.s3_region,
            "S3_BUCKET": addresses.s3_bucket,
            "AWS_ACCESS_KEY_ID": addresses.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": addresses.s3_secret_key,
        }

    def picture(self, key="a.jpg", data=None):
        addresses = self.stack.addresses
        objects = S3Objects(
            lambda: self._keys, endpoint_url=addresses.s3_endpoint, region=addresses.s3_region, bucket=addresses.s3_bucket
        )
        return objects.put(key, data or a_jpeg(), "image/jpeg")

    def account(self, name="rita", role=Role.REVIEWER):
        return create_account(self.desk, name, role)

    def holder(self, name="rita"):
        found = self.desk.accounts.find(name)
        return Holder(found[0].account_id if found else self.account(name).account_id, uuid4())

    def event(self, **changes):
        """Accept an event; return it."""
        event = an_event(**changes)
        self.intake.accept([accepted(event)], [])
        return event

    def letter(self, event=None, scores=None, **changes):
        """Return the letter of a review."""
        event = event or an_event()
        scores = scores or {"plastic": 0.5, "paper": 0.2, "glass": 0.1, "metal": 0.1, "organic": 0.1}
        best = max(scores, key=scores.get)
        values = {
            "event_id": event.event_id, "kind": OutcomeKind.REVIEW, "reason": "low_confidence", "decided_at": datetime.now(UTC),
            "attempts": 1, "sensor_id": event.sensor_id, "image_url": event.image_url, "captured_at": event.captured_at,
            "category": best, "confidence": scores[best], "scores": scores, "model_version": "m1",
        }  # fmt: skip
        return DeadLetter(**(values | changes))

    def file(self, count=1, **changes):
        """File items of review; return their ids."""
        letters = [self.letter(**changes) for _ in range(count)]
        assert self.desk.letters.file(letters) == count
        return [letter.event_id for letter in letters]

    def fail(self, reason="image_missing", **changes):
        """Let an event end as a failure that lies in its lane; return it."""
        event = self.event(**changes)
        owner = uuid4()
        outcome = an_outcome(event, OutcomeKind.FAILURE, reason)
        assert self.worker.record([outcome], owner) == [event.event_id]
        self.desk.letters.file([outcome.dead_letter])
        return event

    def refused(self, body=b"{}", reason="url_blocked", signature="s1"):
        """File a message that never became an event; return its id."""
        letter = DeadLetter(
            event_id=uuid4(), kind=OutcomeKind.FAILURE, reason=reason, decided_at=datetime.now(UTC), claimed={"signature": signature},
            raw=raw_text(body),
        )  # fmt: skip
        self.desk.letters.file([letter])
        return letter.event_id

    def says(self, name, event_id, choice, **more):
        """Somebody's label; return its effect and its id."""
        holder = self.holder(name)
        label = NewLabel(more.pop("label_id", uuid4()), event_id, holder.account_id, choice, Origin.DESK, **more)
        (effect,) = self.desk.labels.add([label])
        return effect, label.label_id

    def state(self, event_id):
        (row,) = self.sql.execute("SELECT state, resolved FROM review_items WHERE event_id = %s", (event_id,))
        return row

    def lapse(self, seconds=100.0):
        """Let time pass for leases."""
        self.sql.execute("UPDATE review_items SET lease_until = lease_until - make_interval(secs => %s)", (seconds,))

    def client(self, name=None, role=Role.REVIEWER, address="testclient", **doors):
        """Return a browser without scripts; signed in if a name is given."""
        app = create_app(self.desk, self.room, Doors(public_url=URL, **doors), hosts=["127.0.0.1"])
        client = TestClient(app, base_url=URL, raise_server_exceptions=False, client=(address, 50_000))
        if name:
            account = found[0] if (found := self.desk.accounts.find(name)) else self.account(name, role)
            client.cookies.set("waste-desk", self.desk.accounts.issue("session", account.account_id, 600))
            page = client.get("/account").text
            client.headers["x-csrf-token"] = page.split('name="csrf" value="')[1].split('"')[0]
        return client

    def close(self):
        for pool in self.pools.values():
            pool.close()


class Served:
    """A desk behind a real server on loopback."""

    def __init__(self, house, latency_s=0.0):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        app = create_app(house.desk, house.room, Doors(public_url=self.url), hosts=["127.0.0.1"])
        self.server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, ws="none", timeout_graceful_shutdown=1))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def stop(self):
        self.server.should_exit = True
        self.thread.join(10)


def scores_of(category, confidence):
    rest = (1 - confidence) / 4
    return {one.value: confidence if one == category else rest for one in CATEGORIES}


def ago(**amount):
    return datetime.now(UTC) - timedelta(**amount)
