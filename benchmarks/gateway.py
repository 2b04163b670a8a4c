"""The gateway on one core, under a load that the other cores make: events a second, and how long requests take at half the bar.

    python -m benchmarks.gateway [--seconds N] [--json FILE]

Events of many bins, each signed by its own, single or by 100; every answer is looked at. The broker and the database
are real, and run on the cores that the gateway has not.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from contracts.codec import encode_event
from contracts.events import ItemCaptured
from contracts.ids import uuid7
from contracts.signatures import derive_credential, sign
from local.database import ensure_logins
from local.ports import free_port
from local.stack import Stack
from migrations.run import migrate

MASTER_KEY = bytes(range(32))
BINS = 200
CONNECTIONS = 16
Sent = tuple[float, list[float], int]
"""Seconds that it took, milliseconds of each request, and how many were not accepted."""


@dataclass(frozen=True, slots=True)
class Load:
    """What was sent and what came of it; latencies in milliseconds, of a request."""

    name: str
    events_per_s: float
    wanted_per_s: float | None
    p50_ms: float
    p99_ms: float
    refused: int


def main() -> int:
    """Measure single posts and batches, each as fast as it goes and at half of what is asked of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    loads = measure_gateway(options.seconds)
    for load in loads:
        sys.stdout.write(
            f"{load.name:24} {load.events_per_s:8,.0f} events/s  p50 {load.p50_ms:6.1f} ms  p99 {load.p99_ms:6.1f} ms"
            f"  refused {load.refused}\n"
        )
    if options.json:
        options.json.write_text(json.dumps([asdict(load) for load in loads], indent=1) + "\n", "utf-8")
    return 0


def measure_gateway(seconds: float) -> list[Load]:
    """Return what a gateway with services of its own takes, `seconds` for each load."""
    with TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "services", durable=False)
        stack.start()
        try:
            return _measure(stack, Path(folder), seconds)
        finally:
            stack.kill()


def _measure(stack: Stack, folder: Path, seconds: float) -> list[Load]:
    stack.postgres.create_database("waste")
    migrate(stack.postgres.url("waste"), datetime.now(UTC).date())
    port = free_port()
    gateway = _start(stack, ensure_logins(stack.postgres, folder)["gateway"], port)
    try:
        loads = []
        for name, size, bar in (("single", 1, 1500), ("batches of 100", 100, 8000)):
            fastest = _run(name, port, size, seconds, None)
            loads += [fastest, _run(f"{name}, {bar / 2:.0f}/s", port, size, seconds, bar / 2)]
        return loads
    finally:
        gateway.terminate()
        gateway.wait(20)


def _start(stack: Stack, database_url: str, port: int) -> "subprocess.Popen[bytes]":
    environment = {
        "PATH": os.environ["PATH"],
        "QUEUE_URL": stack.valkey.url,
        "DATABASE_URL": database_url,
        "DEVICE_MASTER_KEY": MASTER_KEY.hex(),
        "GATEWAY_PORT": str(port),
        "DEVICE_RATE": "100000",
        "DEVICE_BURST": "1000000",
        "TOTAL_RATE": "1000000",
        "TOTAL_BURST": "10000000",
        "MOST_WAITING_EVENTS": "10000000",
        "MOST_WAITING_S": "100000",
        "LOG_LEVEL": "warning",
        "AWS_ACCESS_KEY_ID": stack.addresses.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": stack.addresses.s3_secret_key,
    }
    process = subprocess.Popen([sys.executable, "-m", "waste", "gateway"], env=environment)
    os.sched_setaffinity(process.pid, {0})
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as answer:
                if answer.status == 200:
                    return process
        except OSError:
            time.sleep(0.05)
    raise TimeoutError


def _run(name: str, port: int, size: int, seconds: float, per_s: float | None) -> Load:
    requests = _requests(size, int(seconds * (per_s or 6000 if size == 1 else 40_000) * 1.1))
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue[Sent] = context.Queue()
    sender = context.Process(target=_send, args=(requests, port, seconds, per_s and per_s / size, queue))
    sender.start()
    os.sched_setaffinity(sender.pid or 0, set(range(1, os.cpu_count() or 2)))
    took_s, latencies, refused = queue.get()
    sender.join()
    latencies.sort()
    return Load(
        name, len(latencies) * size / took_s, per_s, statistics.median(latencies), latencies[int(len(latencies) * 0.99)], refused
    )


def _requests(size: int, events: int) -> list[bytes]:
    """Return whole HTTP requests, made beforehand: what makes them shall not be measured."""
    return [_request(size, number) for number in range(max(200, events // size))]


def _request(size: int, number: int) -> bytes:
    events = [_event(f"bin-{(number * size + place) % BINS}") for place in range(size)]
    if size == 1:
        body, signature = events[0]
        return _post(body, f"signature: {signature}\r\n")
    items = [{"body": body.decode(), "signature": signature} for body, signature in events]
    return _post(json.dumps({"events": items}).encode(), "")


def _post(body: bytes, headers: str) -> bytes:
    head = f"POST /v1/events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{headers}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _event(sensor_id: str) -> tuple[bytes, str]:
    now = datetime.now(UTC)
    body = encode_event(
        ItemCaptured(
            schema_version=1,
            event_id=uuid7(now, os.urandom(10)),
            sensor_id=sensor_id,
            image_url=f"s3://waste-images/{sensor_id}/a.jpg",
            captured_at=now,
            sequence=0,
        )
    )
    return body, sign(derive_credential(MASTER_KEY, sensor_id), body)


def _send(requests: Sequence[bytes], port: int, seconds: float, per_s: float | None, queue: "multiprocessing.Queue[Sent]") -> None:
    queue.put(asyncio.run(_send_all(requests, port, seconds, per_s)))


async def _send_all(requests: Sequence[bytes], port: int, seconds: float, per_s: float | None) -> Sent:
    waiting = iter(enumerate(requests))
    latencies: list[float] = []
    refused = 0
    began = time.perf_counter()

    async def connection() -> None:
        nonlocal refused
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number, request in waiting:
            due = began + number / per_s if per_s else time.perf_counter()
            if time.perf_counter() - began > seconds:
                break
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            latencies.append((time.perf_counter() - due) * 1000)
            refused += not head.startswith(b"HTTP/1.1 202")
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return time.perf_counter() - began, latencies, refused


if __name__ == "__main__":
    sys.exit(main())
