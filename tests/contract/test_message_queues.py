"""One behaviour of every message queue: the twin, Redis Streams, SQS (an emulator)."""

import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from adapters.memory.queue import MemoryMessageQueue
from adapters.queues import open_message_queue
from adapters.redis.queue import RedisMessageQueue, connect
from contracts.errors import QueueUnavailable
from contracts.messages import Message
from intake.refusals import refusal_id
from tests.conftest import wait_for

LEASE_S = 1.0


@pytest.fixture(params=["memory", "redis", "sqs"])
def open_queue(request):
    """Return what opens a reader of one queue; each call is another reader of the same messages."""
    if request.param == "memory":
        queue = MemoryMessageQueue(lease_s=LEASE_S)
        return lambda: queue
    url = request.getfixturevalue("redis_url" if request.param == "redis" else "sqs_url")
    name = f"q-{uuid4().hex}"
    return lambda: open_message_queue(url, name, lease_s=LEASE_S, region="eu-central-1")


def receive_all(queue, count):
    received = []
    deadline = time.monotonic() + 15
    while len(received) < count and time.monotonic() < deadline:
        received += queue.receive(count, 1)
    return received


def test_what_is_published_is_received_with_body_and_headers(open_queue):
    queue = open_queue()
    queue.publish([Message(b'{"a": 1}', {"signature": "v1:1:ab"})])
    (received,) = receive_all(queue, 1)
    assert received.message == Message(b'{"a": 1}', {"signature": "v1:1:ab"})
    assert received.deliveries == 1
    assert abs((datetime.now(UTC) - received.enqueued_at).total_seconds()) < 10


@pytest.mark.parametrize("body", [b"\xff\x00\xfe", b"", b"caf\xc3\xa9", b"\x01", "�".encode()])
def test_bytes_that_are_no_text_come_out_as_they_went_in(open_queue, body):
    queue = open_queue()
    queue.publish([Message(body)])
    (received,) = receive_all(queue, 1)
    assert received.message.body in {body, body or b"\x00"}


def test_a_hundred_messages_come_each_once(open_queue):
    queue = open_queue()
    queue.publish([Message(str(number).encode()) for number in range(100)])
    received = receive_all(queue, 100)
    assert sorted(int(one.message.body) for one in received) == list(range(100))


def test_an_empty_queue_gives_nothing_within_the_wait(open_queue):
    started = time.monotonic()
    assert open_queue().receive(10, 1) == []
    assert time.monotonic() - started < 5


def test_a_leased_message_is_not_given_to_another_reader(open_queue):
    first, second = open_queue(), open_queue()
    first.publish([Message(b"one")])
    assert len(receive_all(first, 1)) == 1
    assert second.receive(10, 0) == []


def test_a_message_that_is_not_acknowledged_comes_again_to_another_reader(open_queue):
    first, second = open_queue(), open_queue()
    first.publish([Message(b"one")])
    receive_all(first, 1)
    (again,) = wait_for(lambda: second.receive(10, 0.2), 15, "the second delivery")
    assert again.message.body == b"one"
    assert again.deliveries >= 2


def test_an_acknowledged_message_is_gone(open_queue):
    queue = open_queue()
    queue.publish([Message(b"one"), Message(b"two")])
    queue.ack([one.receipt for one in receive_all(queue, 2)])
    time.sleep(LEASE_S + 0.3)
    assert queue.receive(10, 0.2) == []
    assert queue.depth().total == 0


def test_a_released_message_comes_again_at_once(open_queue):
    queue = open_queue()
    queue.publish([Message(b"one")])
    (received,) = receive_all(queue, 1)
    queue.release([received.receipt])
    (again,) = wait_for(lambda: queue.receive(10, 0.2), 10, "the released message")
    assert again.message.body == b"one"


def test_depth_counts_what_waits_and_what_is_leased(open_queue):
    queue = open_queue()
    assert queue.depth().total == 0
    queue.publish([Message(b"one"), Message(b"two"), Message(b"three")])
    queue.receive(1, 1)
    depth = queue.depth()
    assert (depth.waiting, depth.leased) == (2, 1)


def test_age_of_the_oldest_is_told_or_said_to_be_unknown(open_queue):
    queue = open_queue()
    assert queue.oldest_age_s(datetime.now(UTC)) is None
    queue.publish([Message(b"one")])
    age = queue.oldest_age_s(datetime.now(UTC))
    assert age is None or 0 <= age < 10


def test_acknowledging_nothing_and_twice_is_harmless(open_queue):
    queue = open_queue()
    queue.ack([])
    queue.release([])
    queue.publish([Message(b"one")])
    receipts = [one.receipt for one in receive_all(queue, 1)]
    queue.ack(receipts)
    queue.ack(receipts)


def test_a_broker_that_is_away_is_said_in_our_words():
    queue = open_message_queue("redis://127.0.0.1:1/0", "q", lease_s=1, region="x")
    with pytest.raises(QueueUnavailable):
        queue.publish([Message(b"one")])


def test_a_flushed_redis_is_used_again_without_a_restart(redis_url):
    import redis

    queue = open_message_queue(redis_url, "flushed", lease_s=LEASE_S, region="x")
    assert queue.receive(1, 0) == []
    redis.Redis.from_url(redis_url).flushall()
    queue.publish([Message(b"one")])
    (received,) = wait_for(lambda: queue.receive(1, 0.2), 5, "the message after the flush")
    assert received.message.body == b"one"


def test_an_entry_of_the_year_10000_does_not_end_its_reader(redis_url):
    client = connect(redis_url)
    client.xadd("far", {"body": b"x"}, id="253402300800000-0")
    (received,) = RedisMessageQueue(client, "far").receive(10, 0)
    assert received.enqueued_at.year == 9999
    assert refusal_id(received) == refusal_id(received)
