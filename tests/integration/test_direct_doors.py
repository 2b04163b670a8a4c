"""A device that is let into Redis itself: it may append to the edge queue, and nothing else, by a real ACL."""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import pytest
import redis

from adapters.environment import read_settings
from adapters.queues import open_door, open_edge_queue
from adapters.redis.hints import RedisHints
from adapters.redis.queue import connect
from adapters.settings import QueueSettings
from contracts.codec import decode_event
from contracts.doors import door_password, door_user
from contracts.errors import QueueFull
from contracts.messages import Message
from contracts.names import EDGE_QUEUE, SIGNATURE_HEADER
from contracts.pressure import Hint
from contracts.signatures import derive_credential, verify
from tests.makers import MASTER_KEY, a_jpeg

FORBIDDEN = [
    "LRANGE waste-events:door 0 -1", "LPOP waste-events:door", "LLEN waste-events:door", "LTRIM waste-events:door 1 0",
    "LPUSH waste-events:door x", "DEL waste-events:door", "EXPIRE waste-events:door 1", "RENAME waste-events:door x",
    "XADD waste-events * a b", "XADD waste-events MAXLEN 1 * a b", "XRANGE waste-events - +", "XLEN waste-events",
    "XTRIM waste-events MAXLEN 0", "XREADGROUP GROUP fleet me STREAMS waste-events >", "RPUSH waste-events x",
    "RPUSH waste-work x", "RPUSH waste-dead-letters x", "LPUSH waste-work x", "XADD waste-dead-letters * a b", "GET waste-work",
    "SET waste-events:hint 0", "DEL waste-events:hint", "RPUSH waste-events:hint x", "GET waste-events:door", "GET other",
    "KEYS *", "SCAN 0", "INFO", "CONFIG GET *", "ACL LIST", "ACL WHOAMI", "CLIENT LIST", "FLUSHALL", "FLUSHDB", "EVAL return(1) 0",
    "SCRIPT FLUSH", "FUNCTION LIST", "SUBSCRIBE x", "PUBLISH x y", "MONITOR", "SHUTDOWN", "MULTI", "OBJECT HELP",
    "SELECT 1", "COPY waste-events:hint waste-events:door", "LMOVE waste-events:door x LEFT LEFT", "SORT waste-events:door", "DUMP waste-events:hint",
]  # fmt: skip


def waste(environment, *arguments, code=0):
    done = subprocess.run([sys.executable, "-m", "waste", *map(str, arguments)], env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture
def master():
    return {"PATH": os.environ["PATH"], "DEVICE_MASTER_KEY": MASTER_KEY.hex()}


@pytest.fixture
def let_in(redis_url, master):
    """Let sensors in by the line that the command prints, and return the URLs that they use."""
    admin, users = connect(redis_url), []

    def let(sensor, *options):
        line = waste(master, "device", "door", sensor, *options)
        admin.execute_command(*line.split())
        login = waste(master, "device", "door", sensor, "--password", *options[:2]).strip()
        users.append(door_user(sensor))
        parts = urlsplit(redis_url)
        return f"redis://{login}@{parts.hostname}:{parts.port}{parts.path}"

    yield let
    for user in users:
        admin.execute_command("ACL", "DELUSER", user)


def settings(url):
    return read_settings(QueueSettings, {"QUEUE_URL": url})


def fill(door, one):
    for _ in range(1000):
        door.publish([one] * 10)


def message(number):
    return Message(f"body\n{number}".encode(), {SIGNATURE_HEADER: f"v1:1:{number}"})


def test_a_device_that_is_let_in_can_append_and_nothing_else(redis_url, let_in):
    device = connect(let_in("bin-7"))
    admin = connect(redis_url)
    admin.set("waste-events:hint", "0.500 0.0")
    for command in FORBIDDEN:
        with pytest.raises(redis.exceptions.ResponseError, match=r"(?i)no permissions|NOPERM|can't"):
            device.execute_command(*command.split(" "))
    assert device.get("waste-events:hint") == b"0.500 0.0"
    assert device.rpush("waste-events:door", "x") == 1


def test_the_acl_line_holds_no_password_and_a_rotation_takes_both(redis_url, let_in, master):
    line = waste(master, "device", "door", "bin-8", "--generation", "2", "--with-before")
    passwords = [door_password(derive_credential(MASTER_KEY, "bin-8", generation)) for generation in (1, 2)]
    assert not any(password in line for password in passwords)
    assert line.count("#") == 2
    parts = urlsplit(let_in("bin-8", "--generation", "2", "--with-before"))
    for password in passwords:
        url = f"redis://{quote(door_user('bin-8'))}:{password}@{parts.hostname}:{parts.port}{parts.path}"
        assert connect(url).ping()
    let_in("bin-8", "--generation", "2")
    with pytest.raises(redis.exceptions.AuthenticationError):
        connect(url.replace(passwords[1], passwords[0])).ping()


def test_a_bin_sends_through_its_door_and_its_signature_comes_along(redis_url, let_in, stack, tmp_path, master):
    photo, addresses = tmp_path / "photo.jpg", stack.addresses
    photo.write_bytes(a_jpeg())
    environment = master | {
        "QUEUE_URL": let_in("bin-7"),
        "S3_ENDPOINT_URL": addresses.s3_endpoint,
        "S3_REGION": addresses.s3_region,
        "S3_BUCKET": addresses.s3_bucket,
        "AWS_ACCESS_KEY_ID": addresses.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": addresses.s3_secret_key,
        "WASTE_STATE_DIR": str(tmp_path / "state"),
    }
    sent = waste(environment, "send", photo, "--sensor", "bin-7").split()
    edge = open_edge_queue(settings(redis_url))
    assert edge.depth().waiting == 1
    (received,) = edge.receive(10, 0)
    assert str(decode_event(received.message.body, datetime.now(UTC)).event_id) == sent[0]
    assert verify(MASTER_KEY, "bin-7", received.message.body, received.message.headers[SIGNATURE_HEADER]) == 1


def test_messages_keep_their_order_and_their_bytes_through_the_door(redis_url):
    door, edge = open_door(settings(redis_url)), open_edge_queue(settings(redis_url))
    door.publish([message(number) for number in range(1500)])
    assert edge.depth().waiting == 1500
    found = []
    while batch := edge.receive(512, 0):
        found += [one.message for one in batch]
        edge.ack([one.receipt for one in batch])
    assert found == [message(number) for number in range(1500)]
    assert edge.depth().total == 0


@pytest.mark.parametrize("entry", [b"", b"\n", b"no line", b"\n\n", b"x" * 3000 + b"\nbody", b"\xff\x00\n\xff\x00"])
def test_whatever_lies_at_the_door_comes_to_the_reader_who_refuses_it(redis_url, entry):
    connect(redis_url).rpush("waste-events:door", entry)
    (received,) = open_edge_queue(settings(redis_url)).receive(10, 0)
    assert received.message.body in entry or not entry


def test_what_the_stream_refuses_stays_at_the_door(redis_url):
    client = connect(redis_url)
    door, edge = open_door(settings(redis_url)), open_edge_queue(settings(redis_url))
    client.xadd(EDGE_QUEUE, {"a": "b"}, id=f"{2**64 - 1}-{2**64 - 1}")  # nothing can come after this
    door.publish([message(1), message(2)])
    with pytest.raises(Exception, match=r"exhausted|last possible"):
        edge.receive(10, 0)
    assert client.lrange("waste-events:door", 0, -1) == [b"v1:1:1\nbody\n1", b"v1:1:2\nbody\n2"]


def test_a_reader_that_waits_hears_the_door_soon(redis_url):
    door, edge = open_door(settings(redis_url)), open_edge_queue(settings(redis_url))
    door.publish([message(0)])
    edge.receive(10, 1)
    heard = []
    reader = threading.Thread(target=lambda: heard.append((edge.receive(10, 4), time.monotonic())))
    reader.start()
    time.sleep(0.3)
    sent = time.monotonic()
    door.publish([message(1)])
    reader.join()
    ((batch, at),) = heard
    assert len(batch) == 1
    assert at - sent < 0.5


@pytest.fixture
def small(redis_url):
    """A Valkey that has 3 MB left."""
    client = connect(redis_url)
    before = client.config_get("maxmemory")["maxmemory"]
    client.config_set("maxmemory", client.info("memory")["used_memory"] + 3_000_000)
    yield client
    client.config_set("maxmemory", before)


def test_a_door_that_fills_the_memory_is_emptied_all_the_same(redis_url, small):
    door, edge = open_door(settings(redis_url)), open_edge_queue(settings(redis_url))
    edge.receive(1, 0)  # the group is there
    big = Message(b"x" * 8000, {SIGNATURE_HEADER: "v1:1:0"})
    with pytest.raises(QueueFull):
        fill(door, big)
    waiting, got = small.llen("waste-events:door"), 0
    assert waiting > 100
    while batch := edge.receive(50, 0):
        got += len(batch)
        edge.ack([one.receipt for one in batch])
    assert got == waiting


def test_a_device_waits_while_the_fleet_asks_it_to(redis_url):
    RedisHints(connect(redis_url), EDGE_QUEUE).post(Hint(0.0, 30.0))
    with pytest.raises(QueueFull, match="takes no events for 30 s"):
        open_door(settings(redis_url)).publish([message(1)])
    assert open_edge_queue(settings(redis_url)).depth().total == 0


def test_the_policy_for_aws_names_one_queue_and_the_bins_own_pictures(master):
    arn = "arn:aws:sqs:eu-central-1:123456789012:waste-events"
    policy = json.loads(waste(master, "device", "door", "bin-7", "--aws-queue", arn, "--bucket", "pictures"))
    actions = [(one["Action"], one["Resource"]) for one in policy["Statement"]]
    allowed = {action: on for named, on in actions for action in ([named] if isinstance(named, str) else named)}
    assert allowed == {
        "sqs:SendMessage": arn,
        "sqs:GetQueueUrl": arn,
        "sqs:GetQueueAttributes": arn,
        "s3:PutObject": "arn:aws:s3:::pictures/bin-7/*",
    }
    assert (
        "go together"
        in subprocess.run(
            [sys.executable, "-m", "waste", "device", "door", "bin-7", "--aws-queue", arn],
            env=master,
            capture_output=True,
            text=True,
        ).stderr
    )
