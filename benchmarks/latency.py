"""From capture to the committed outcome, at shares of what the fleet can do."""

import json
import random
import re
import statistics
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from adapters.onnx.model import OnnxClassifier
from adapters.pictures.pixels import decode
from adapters.s3.images import S3Images
from adapters.s3.sigv4 import AwsKeys
from benchmarks.load import Load
from contracts.image_urls import S3Location
from local.fleet import LocalFleet

_DECIDED = re.compile(r"worker-\d+ \| (\{.*\"event\": \"event_decided\".*\})")
_PATIENCE_S = 60.0
_STAGES = ("queued", "fetch", "decode", "inference", "record")


@dataclass(frozen=True)
class Latency:
    """Milliseconds from capture to outcome at `rate` events/s."""

    rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    events: int


def measure_bare_ms(fleet: LocalFleet, model: OnnxClassifier, load: Load, events: int = 60) -> float:
    """Return the median milliseconds of fetch, decode and inference of one event on the idle machine."""
    addresses = fleet.stack.addresses
    keys = AwsKeys(addresses.s3_access_key, addresses.s3_secret_key)
    store = S3Images(lambda: keys, endpoint_url=addresses.s3_endpoint, region=addresses.s3_region)
    took = []
    for number in range(events):
        bucket, _, key = load.urls[number % len(load.urls)].removeprefix("s3://").partition("/")
        started = time.perf_counter()
        model.classify(decode(store.begin(S3Location(bucket, key)).result()))
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took[5:])


def measure_latency(fleet: LocalFleet, load: Load, rate: float, events: int) -> Latency:
    """Send `events` at random moments, `rate` a second in the mean, and return how long each took.

    The end is the time of the worker's log line, which is written after the commit was answered.
    """
    chance = random.Random(1)
    log_from = fleet.log_path.stat().st_size
    captured: dict[str, datetime] = {}
    due = time.monotonic()
    for _ in range(events):
        due += chance.expovariate(rate)
        time.sleep(max(0.0, due - time.monotonic()))
        captured |= load.send_one()
    until = time.monotonic() + _PATIENCE_S
    while len((decided := _read_log(fleet.log_path, log_from)).keys() & captured.keys()) < events and time.monotonic() < until:
        time.sleep(1)
    took = sorted((decided[one] - moment).total_seconds() * 1000 for one, moment in captured.items())
    return Latency(rate, *(took[min(events - 1, int(events * share))] for share in (0.5, 0.95, 0.99)), events)


def _read_log(path: Path, start: int) -> dict[str, datetime]:
    with path.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    rows = [json.loads(match[1]) for line in lines if (match := _DECIDED.match(line))]
    return {row["event_id"]: datetime.fromisoformat(row["timestamp"]) for row in rows}


def stages_ms(connection: psycopg.Connection[tuple[object, ...]], last: int) -> dict[str, float]:
    """Return the stages' mean milliseconds of the `last` decided events, as the ledger has them."""
    columns = ", ".join(f"avg({stage}_ms)" for stage in _STAGES)
    query = f"SELECT {columns} FROM (SELECT * FROM predictions JOIN outcomes USING (event_id) ORDER BY decided_at DESC LIMIT %s) p"  # noqa: S608
    row = connection.execute(query, (last,)).fetchone() or ()
    return {stage: round(float(str(value)), 2) for stage, value in zip(_STAGES, row, strict=True)}
