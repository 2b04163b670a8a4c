"""The gateway when something is full, away, slow or revoked: nothing accepted is lost, and who sends is told what to do."""

import json
import socket
import time
from contextlib import suppress

import httpx2 as httpx
import psycopg
import pytest
import redis

from adapters.postgres.devices import PostgresDevices
from adapters.redis.hints import RedisHints
from tests.conftest import wait_for
from tests.gateway_house import signed


def test_who_sends_faster_than_agreed_is_told_when_to_come_again(open_gateway):
    gateway = open_gateway(DEVICE_RATE=1, DEVICE_BURST=3)
    device = gateway.client()
    answers = [device.post("/v1/events", json=gateway.event()[1]) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert answers[3].headers["retry-after"] == "1"
    assert answers[3].json()["type"] == "urn:waste-fleet:problem:too-fast"
    assert gateway.client("bin-8").post("/v1/events", json=gateway.event(sensor_id="bin-8")[1]).status_code == 202
    batch = device.post("/v1/events", json={"events": [gateway.event()[1] for _ in range(3)]})
    assert [one["status"] for one in batch.json()["results"]] == [429] * 3
    assert "retry-after" in batch.headers
    assert gateway.edge.depth().total == 4


def test_a_full_fleet_slows_devices_down_and_then_takes_no_more(open_gateway, redis_url):
    gateway = open_gateway(MOST_WAITING_EVENTS=20)
    device = gateway.client()
    hints = RedisHints(redis.Redis.from_url(redis_url), "waste-events")
    for _ in range(15):
        device.post("/v1/events", json=gateway.event()[1])
    wait_for(lambda: hints.read().share == pytest.approx(0.5), 5, "the hint for those who write to the queue")
    assert device.post("/v1/events", json=gateway.event()[1]).headers["waste-rate"] == "0.500"
    for _ in range(4):
        device.post("/v1/events", json=gateway.event()[1])
    wait_for(lambda: hints.read().share == 0, 5, "the hint")
    refused = device.post("/v1/events", json=gateway.event()[1])
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert gateway.edge.depth().total == 20
    gateway.drain.take_one()
    wait_for(lambda: device.post("/v1/events", json=gateway.event()[1]).status_code == 202, 5, "room")


def test_a_revoked_credential_is_refused_within_five_seconds_and_the_next_is_not(open_gateway):
    gateway = open_gateway()
    device = gateway.client()
    assert device.post("/v1/events", json=gateway.event()[1]).status_code == 202
    PostgresDevices(gateway.pools["intake"]).revoke("bin-7", 1, "")
    began = time.monotonic()
    wait_for(lambda: device.post("/v1/events", json=gateway.event()[1]).status_code == 401, 5, "the refusal")
    assert time.monotonic() - began < 5
    event, _ = gateway.event()
    body, signature = signed(event)
    headers = {"content-type": "application/json", "signature": signature}
    assert httpx.post(f"{gateway.url}/v1/events", content=body, headers=headers).status_code == 401
    assert gateway.client(generation=2).post("/v1/events", json=gateway.event()[1]).status_code == 202


def test_without_postgres_events_are_taken_and_questions_are_put_off(open_gateway, stack, database_url):
    gateway = open_gateway()
    device = gateway.client()
    event, document = gateway.event()
    name = database_url.rpartition("/")[2]
    with psycopg.connect(stack.postgres.url("postgres"), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        began = time.monotonic()
        answers = [device.post("/v1/events", json=gateway.event()[1]).status_code for _ in range(20)]
        assert answers == [202] * 20
        assert time.monotonic() - began < 8
        assert device.post("/v1/events", json=document).status_code == 202
        found = device.get(f"/v1/events/{event.event_id}")
        assert (found.status_code, found.json()["type"]) == (503, "urn:waste-fleet:problem:away")
        assert httpx.get(f"{gateway.url}/health").status_code == 200
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    wait_for(lambda: device.get(f"/v1/events/{event.event_id}").status_code == 200, 15, "Postgres")


def test_a_queue_that_is_away_is_503_and_nothing_counts_as_accepted(open_gateway):
    gateway = open_gateway(QUEUE_URL="redis://127.0.0.1:1/0")
    answer = gateway.client().post("/v1/events", json=gateway.event()[1])
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:waste-fleet:problem:away")
    assert "retry-after" in answer.headers
    assert httpx.get(f"{gateway.url}/health").json()["status"] == "unhealthy"
    assert httpx.get(f"{gateway.url}/health/live").status_code == 200


HEAD = b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "said", [b"", HEAD, HEAD + b"Content-Length: 100\r\n\r\nab", HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n"]
)
def test_who_does_not_say_what_he_wants_is_cut_off(open_gateway, said, monkeypatch):
    monkeypatch.setattr("adapters.http.server._REQUEST_S", 0.5)
    gateway = open_gateway()
    with socket.create_connection(("127.0.0.1", gateway.settings.gateway_port), timeout=5) as slow:
        slow.sendall(said)
        began = time.monotonic()
        with suppress(ConnectionResetError):
            assert slow.recv(100) == b""
        assert 0.3 < time.monotonic() - began < 2


def test_one_request_too_many_is_told_so(open_gateway):
    gateway = open_gateway(GATEWAY_AT_ONCE=1)
    event, document = gateway.event()
    device = gateway.client()
    device.post("/v1/events", json=document)
    gateway.drain.take_one()
    with socket.create_connection(("127.0.0.1", gateway.settings.gateway_port), timeout=5) as waiting:
        token = device.headers["authorization"]
        waiting.sendall(f"GET /v1/events/{event.event_id}?wait=3 HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\n\r\n".encode())
        time.sleep(0.3)
        busy = device.get("/health")
        assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")
        gateway.decide(event)
        answer = waiting.recv(10_000)
        assert b"200 OK" in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["state"] == "decided"
