"""What a fleet's latency is while its models are exchanged, beside what it is while they are not.

    python -m benchmarks.swaps [--swaps N] [--rate EVENTS_PER_S]

The champion changes to and fro between two models as fast as the workers bring it into force; between such stretches as long ones
without. Latency is from capture to the committed outcome.
"""

import argparse
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import psycopg

from adapters.onnx.model import OnnxClassifier
from adapters.postgres.connections import open_pool
from adapters.postgres.registry import PostgresRegistry
from adapters.s3.objects import S3Objects
from adapters.s3.sigv4 import AwsKeys
from benchmarks.load import Load, store_pictures
from contracts.categories import CATEGORIES
from contracts.models import ModelState
from contracts.moves import Moves
from learning.rollout.registering import Registrar
from local.fleet import LocalFleet
from models import shipped_model
from producer.render import render

_STRETCHES = 4
_DIFFERENT = 60
_LONGEST_S = 10.0
_POLL_S = 0.1


@dataclass
class Sent:
    """What was sent: the ids of each kind of stretch."""

    calm: list[str] = field(default_factory=list)
    changing: list[str] = field(default_factory=list)


class Sender:
    """Sends events at a rate from a thread, and puts their ids into whatever list is in force."""

    def __init__(self, load: Load, rate: float) -> None:
        """Send events of `load`, `rate` a second in the mean."""
        self._load, self._rate, self._stop = load, rate, threading.Event()
        self.into: list[str] = []

    def start(self) -> None:
        """Send until `stop`."""
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """End."""
        self._stop.set()

    def _run(self) -> None:
        due, chance = time.monotonic(), np.random.default_rng(1)
        while not self._stop.is_set():
            due += chance.exponential(1 / self._rate)
            time.sleep(max(0.0, due - time.monotonic()))
            self.into.extend(self._load.send_one())


def main(argv: list[str] | None = None) -> int:
    """Run the stretches in turn and print the latencies of both kinds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.swaps", description=__doc__)
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--rate", type=float, default=100.0)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder, LocalFleet(Path(folder), workers=2) as fleet:
        url = fleet.stack.postgres.url("waste")
        with open_pool(url, name="bench", max_size=2) as pool:
            sent = _run(fleet, PostgresRegistry(pool), options.rate, options.swaps)
        with psycopg.connect(url) as connection:
            calm, changing = (_latencies(connection, ids) for ids in (sent.calm, sent.changing))
    for name, found in (("no swaps", calm), ("swaps", changing)):
        p50, p99 = np.percentile(found, (50, 99))
        sys.stdout.write(f"{name:10} {len(found):6} events  p50 {p50:6.1f} ms  p99 {p99:6.1f} ms  max {found.max():6.1f} ms\n")
    sys.stdout.write(f"p99 with swaps / without: {np.percentile(changing, 99) / np.percentile(calm, 99):.2f}\n")
    return 0


def _run(fleet: LocalFleet, registry: PostgresRegistry, rate: float, swaps: int) -> Sent:
    pictures = [render(CATEGORIES[number % 5], number) for number in range(_DIFFERENT)]
    sender, moves, sent = Sender(store_pictures(fleet, pictures, "swaps"), rate), Moves(registry, "bench"), Sent()
    names = _add_models(registry, fleet)
    moves.move(names[0], ModelState.CHAMPION, "bench")
    _await(registry)
    sender.start()
    time.sleep(5)
    state = 0
    for _ in range(_STRETCHES):
        sender.into, began = sent.changing, time.monotonic()
        for _ in range(swaps // _STRETCHES):
            state = 1 - state
            moves.move(names[state], ModelState.CHAMPION, "bench")
            _await(registry)
        took = time.monotonic() - began
        sender.into = []
        time.sleep(1)
        sender.into = sent.calm
        _ask(registry, took)
        sender.into = []
    sender.stop()
    time.sleep(5)
    return sent


def _await(registry: PostgresRegistry) -> None:
    wanted, until = registry.plan().revision, time.monotonic() + _LONGEST_S
    while not all(one.revision == wanted for one in registry.workers()):
        if time.monotonic() > until:
            raise TimeoutError(f"not in force: {registry.workers()}")
        time.sleep(_POLL_S)


def _ask(registry: PostgresRegistry, seconds: float) -> None:
    """Ask as often as `_await` does, that the stretches differ by nothing but the swaps."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        registry.workers()
        time.sleep(_POLL_S)


def _add_models(registry: PostgresRegistry, fleet: LocalFleet) -> list[str]:
    at = fleet.stack.addresses
    keys = AwsKeys(at.s3_access_key, at.s3_secret_key)
    objects = S3Objects(lambda: keys, endpoint_url=at.s3_endpoint, region=at.s3_region, bucket=at.s3_bucket)
    registrar = Registrar(registry, objects, lambda path, sha256: vars(OnnxClassifier.load(path, sha256).facts))
    names = ["even", "odd"]
    for name in names:
        model = onnx.load(shipped_model()[0])
        for entry in model.metadata_props:
            entry.value = name if entry.key == "version" else entry.value
        path = fleet.data_dir / f"{name}.onnx"
        path.write_bytes(model.SerializeToString())
        registrar.add(path, "bench")
    return names


def _latencies(
    connection: psycopg.Connection[tuple[object, ...]], ids: list[str]
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    rows = connection.execute(
        "SELECT extract(epoch FROM decided_at - captured_at)::float8 * 1000 FROM outcomes WHERE event_id = ANY(%s::uuid[])", (ids,)
    ).fetchall()
    if len(rows) != len(ids):
        raise RuntimeError(f"{len(ids) - len(rows)} of {len(ids)} events have no outcome")
    return np.array([row[0] for row in rows], np.float64)


if __name__ == "__main__":
    sys.exit(main())
