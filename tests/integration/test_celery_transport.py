"""The fault of the stock Redis transport, and that ours does not have it."""

import base64
import contextlib
import json
import socket
import threading
import time
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import redis
from celery.contrib.testing.worker import start_worker
from kombu import Connection, Queue
from kombu.transport.redis import Transport as StockTransport
from redis.exceptions import ConnectionError as Cut

from adapters.celery.queue import CeleryWorkQueue, celery_app
from adapters.celery.transport import RepairedTransport
from contracts.errors import QueueFull, QueueUnavailable
from contracts.names import CLASSIFY_TASK
from tests.conftest import wait_for
from tests.faults.proxy import Proxy, end, relay


def slots_after_a_failed_ack(transport, url, monkeypatch):
    """Take one message with a prefetch of one, let its acknowledgement fail, and return whether another may be taken."""
    with Connection(url, transport=transport) as connection:
        channel = connection.channel()
        queue = Queue(f"q{time.monotonic_ns()}", channel=channel)
        queue.declare()
        channel.basic_qos(0, 1, False)
        connection.Producer(channel).publish({"x": 1}, routing_key=queue.name)
        message = queue.get(no_ack=False)

        def cut(*_, **__):
            raise Cut("reset")

        monkeypatch.setattr(channel.qos, "_remove_from_indices", cut)
        with contextlib.suppress(Cut):
            message.ack()
        free = channel.qos.can_consume()
        monkeypatch.undo()
        return free


def test_stock_transport_keeps_the_slot_of_a_failed_ack(redis_url, monkeypatch):
    assert not slots_after_a_failed_ack(StockTransport, redis_url, monkeypatch)


def test_repaired_transport_frees_the_slot_of_a_failed_ack(redis_url, monkeypatch):
    assert slots_after_a_failed_ack(RepairedTransport, redis_url, monkeypatch)


def test_celery_uses_the_repaired_transport_for_redis(redis_url):
    with celery_app(redis_url).connection_for_read() as connection:
        assert isinstance(connection.transport, RepairedTransport)


@pytest.mark.parametrize("broker", ["redis", "sqs"])
def test_wake_ups_are_counted_and_carry_many_ids(broker, request):
    app = celery_app(request.getfixturevalue(f"{broker}_url"), region="eu-central-1")
    work = CeleryWorkQueue(app)
    before = work.depth()
    work.publish([[uuid4() for _ in range(64)], [uuid4()]])
    work.publish([[uuid4()]], first=True)
    assert work.depth() == before + 3


def test_a_broker_whose_counts_are_exact_says_whether_every_worker_is_busy(redis_url, sqs_url):
    work = CeleryWorkQueue(celery_app(redis_url))
    assert not work.busy()
    work.publish([[uuid4()]], first=True)
    assert not work.busy()
    work.publish([[uuid4()]])
    assert work.busy()
    late = CeleryWorkQueue(celery_app(sqs_url, region="eu-central-1"))
    late.publish([[uuid4()]])
    assert not late.busy()


JUNK = [b"\xff not json", b"42", b"null", b"[]", b"{}", b'{"properties": {"delivery_tag": {}}}']
DAMAGE = [
    lambda m: m["headers"].update(id=[1]),
    lambda m: m["headers"].update(task="os.system"),
    lambda m: m.update(body=5),
    lambda m: m.update(body="@@@"),
    lambda m: m.update(body=base64.b64encode(b"[1]").decode()),
    lambda m: m.update(body=base64.b64encode(b"[" * 100_000).decode()),
    lambda m: m["properties"].update(delivery_tag={}),
    lambda m: m["properties"].update(body_encoding="rot13"),
    lambda m: m["properties"].update(delivery_info=None),
    lambda m: m.update(headers=None),
    lambda m: m["headers"].update(timelimit="x"),
]


def damaged(wake_up, change):
    message = json.loads(wake_up)
    change(message)
    return json.dumps(message).encode()


def test_what_is_no_wake_up_is_dropped_and_the_next_one_is_taken(redis_url):
    client = redis.Redis.from_url(redis_url)
    work = CeleryWorkQueue(celery_app(redis_url))
    work.publish([[uuid4()]])
    wake_up = client.rpop("waste-work")
    for junk in [*JUNK, *(damaged(wake_up, change) for change in DAMAGE)]:
        client.lpush("waste-work", junk)
    client.lpush("waste-work", wake_up)
    taken = threading.Event()
    app = celery_app(redis_url)

    def classify_items(ids, first=False):
        taken.set()

    app.task(name=CLASSIFY_TASK, acks_late=True, ignore_result=True)(classify_items)
    with start_worker(app, pool="solo", perform_ping_check=False, queues=["waste-work"], shutdown_timeout=20):
        wait_for(lambda: work.depth() == 0, 20, "an empty queue")
        assert taken.wait(10)


def test_a_broker_that_is_away_is_said_in_our_words():
    with pytest.raises(QueueUnavailable):
        CeleryWorkQueue(celery_app("redis://127.0.0.1:1/0")).publish([[uuid4()]])


def test_a_full_broker_is_said_in_our_words(redis_url):
    client = redis.Redis.from_url(redis_url)
    before = client.config_get("maxmemory")["maxmemory"]
    client.config_set("maxmemory", "1mb")
    try:
        work = CeleryWorkQueue(celery_app(redis_url))
        with pytest.raises(QueueFull):
            work.publish([[uuid4() for _ in range(64)] for _ in range(2000)])
    finally:
        client.config_set("maxmemory", before)


def test_one_client_serves_all_acknowledgements_of_a_channel(redis_url):
    with Connection(redis_url, transport=RepairedTransport) as connection:
        channel = connection.channel()
        client = channel._create_client()
        assert client.ping()
        assert channel._create_client() is client
        channel._pool = None  # what kombu does after a fork
        assert channel._create_client() is not client
        assert channel._create_client().ping()


class Flapping(Proxy):
    """Breaks at the next declaration of a queue, and each of the next `more` connections at its first bytes."""

    armed, more = False, 0

    def serve(self, client):
        server = socket.create_connection(("127.0.0.1", self._target), 5)
        threading.Thread(target=relay, args=(server, client), daemon=True).start()
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if (self.armed and b"SADD" in data) or (not self.armed and self.more > 0):
                    self.more -= not self.armed
                    self.armed = False
                    break
                server.sendall(data)
        end(client)
        end(server)


@pytest.mark.parametrize("more", [0, 1, 2, 4, 6])
def test_a_broker_that_flaps_is_told_as_unavailable_and_used_again(redis_url, more):
    port = urlsplit(redis_url).port
    with Flapping(port) as proxy:
        work = CeleryWorkQueue(celery_app(redis_url.replace(f":{port}", f":{proxy.port}")))
        work.busy()
        proxy.more, proxy.armed = more, True
        with contextlib.suppress(QueueUnavailable):
            work.publish([[uuid4()]])
        proxy.more = 0
        before = work.depth()
        work.publish([[uuid4()]])
        assert work.depth() == before + 1
