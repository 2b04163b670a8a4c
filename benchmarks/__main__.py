"""`make bench`: everything in one run, the contestants by turns, on the cores of this machine."""

import argparse
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from tqdm import tqdm

from adapters.onnx.model import OnnxClassifier
from adapters.pictures.pixels import decode
from benchmarks.accuracy import measure_accuracy
from benchmarks.cpu import CpuWatch, rss_mb
from benchmarks.enqueue import measure_edge_bytes, measure_enqueue, measure_work_bytes
from benchmarks.gateway import measure_gateway
from benchmarks.latency import measure_bare_ms, measure_latency, stages_ms
from benchmarks.limit import measure_limit
from benchmarks.load import Load, store_pictures
from benchmarks.naive.measure import measure_naive, presign
from benchmarks.ours import count_outcomes, measure_drain, measure_ready_s
from benchmarks.pictures import large_pictures, small_pictures
from benchmarks.report import write_report
from learning.quantize import quantize
from local.fleet import LocalFleet
from models import shipped_model

_BROKER_BYTES = 2 * 1024**3
_REST_S = 5.0
_SHARES = (0.1, 0.5, 0.8)
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Run the benchmarks and write table, numbers and plots."""
    options = _parser().parse_args()
    small = small_pictures(200, options.images)
    with TemporaryDirectory() as folder:
        models = {"fp32": shipped_model(), "int8": _quantized(small, Path(folder))}
        results = {"machine": _machine(options)} | _run(options, small, models, Path(folder))
    results["gateway"] = [asdict(load) for load in measure_gateway(options.seconds)]
    options.out.mkdir(parents=True, exist_ok=True)
    write_report(results, options.out)
    sys.stdout.write((options.out / "results.md").read_text("utf-8"))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--images", type=Path, help="photographs of 512 x 384 instead of rendered pictures")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each contestant works in a round, about")
    parser.add_argument("--backlogs", default="1000,100000,1000000", help="how many events are queued, for each drain rate")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--concurrency", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


def _run(options: argparse.Namespace, small: list[bytes], models: dict[str, tuple[Path, str]], folder: Path) -> dict[str, Any]:
    results: dict[str, Any] = {"drain": {}, "accuracy": measure_accuracy(models)}
    for name, model in models.items():
        os.environ |= {"MODEL_PATH": str(model[0]), "MODEL_SHA256": model[1]}
        os.environ["LOG_EVENTS_PER_S"] = "0"  # latencies are read from the lines of all events
        with LocalFleet(
            folder / name, workers=options.workers, concurrency=options.concurrency, valkey_maxmemory=_BROKER_BYTES
        ) as fleet:
            load = store_pictures(fleet, small, "small")
            results["drain"][f"512x384 {name}"] = _contest(options, fleet, load, model, small, naive=name == "fp32")
            if name == "fp32":
                large = large_pictures(24, small)
                loads = store_pictures(fleet, large, "large")
                results["drain"]["12 MP fp32"] = _contest(options, fleet, loads, model, large, naive=True)
                results |= _single(options, fleet, load, model, results["drain"]["512x384 fp32"]["ours"])
    return results


def _contest(
    options: argparse.Namespace, fleet: LocalFleet, load: Load, model: tuple[Path, str], pictures: list[bytes], *, naive: bool
) -> dict[str, Any]:
    """Return the median events/s of the limit, ours and the tutorial's worker, and the medians of the rounds' ratios."""
    rounds: list[dict[str, float]] = []
    urls = presign(fleet, load.urls)
    before = measure_limit(model, pictures, options.seconds / 2)
    for _ in tqdm(range(options.rounds), desc="rounds", leave=False):
        rates = {"ours": measure_drain(fleet, load, int(before * options.seconds))}
        after = measure_limit(model, pictures, options.seconds / 2)
        # The machine's speed drifts: what it was before and after is what it was meanwhile.
        rates["limit"], before = (before + after) / 2, after
        if naive:
            rates["naive"] = measure_naive(fleet, model[0], urls, int(rates["limit"] * options.seconds / 3))
        rounds.append(rates)
    found: dict[str, Any] = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    found["ours_of_limit"] = statistics.median(one["ours"] / one["limit"] for one in rounds)
    if naive:
        found["naive_of_limit"] = statistics.median(one["naive"] / one["limit"] for one in rounds)
        found["ours_of_naive"] = statistics.median(one["ours"] / one["naive"] for one in rounds)
    return found | {"rounds": rounds}


def _single(options: argparse.Namespace, fleet: LocalFleet, load: Load, model: tuple[Path, str], capacity: float) -> dict[str, Any]:
    """Return what is measured once: latency, cost of waiting, start, memory, and the rate behind long queues."""
    _rest(fleet)
    found: dict[str, Any] = {"bare_ms": measure_bare_ms(fleet, OnnxClassifier.load(*model), load)}
    found["latency"] = []
    for share in _SHARES:
        events = max(200, int(capacity * share * 15))
        found["latency"].append(asdict(measure_latency(fleet, load, capacity * share, events)))
        if share == _SHARES[0]:
            with psycopg.connect(fleet.stack.postgres.url("waste")) as connection:
                found["stages_ms"] = stages_ms(connection, events)
    found["rss_mb"] = {name: round(value) for name, value in rss_mb(fleet).items()}
    found["ready_s"] = measure_ready_s(fleet, "worker-1")
    found["cpu_ms_per_event"] = _cpu_per_event(fleet, load, int(capacity * options.seconds))
    found["backlog"] = _behind_backlogs(options, fleet, load, capacity)
    for name in fleet.role_names():
        fleet.supervisor.stop(name, 25)
    found["enqueue_per_s"] = measure_enqueue(load, 30_000)
    found["edge_bytes"] = measure_edge_bytes(fleet, load, 30_000)
    found["work_bytes"] = measure_work_bytes(fleet, 30_000)
    return found


def _rest(fleet: LocalFleet) -> None:
    """Start what does not run, and wait until all of it is ready and idle."""
    for name in set(fleet.role_names()) - set(fleet.supervisor.alive()):
        fleet.start_role(name)
    while any(fleet.ready(name) for name in fleet.role_names()):
        time.sleep(0.1)
    time.sleep(_REST_S)


def _cpu_per_event(fleet: LocalFleet, load: Load, events: int) -> dict[str, float]:
    with psycopg.connect(fleet.database_urls["reader"], autocommit=True) as connection:
        before = count_outcomes(connection)
        watch = CpuWatch(fleet, lambda: count_outcomes(connection) - before, events)
        watch.start()
        measure_drain(fleet, load, events)
        watch.join()
    return watch.per_event_ms


def _behind_backlogs(options: argparse.Namespace, fleet: LocalFleet, load: Load, capacity: float) -> dict[str, float]:
    """Return backlog -> median events/s; by turns, for the machine's speed drifts."""
    rates: dict[str, list[float]] = {size: [] for size in options.backlogs.split(",")}
    for _ in tqdm(range(min(3, options.rounds)), desc="backlogs", leave=False):
        for size, found in rates.items():
            window_s = options.seconds if int(size) > capacity * options.seconds * 3 else None
            found.append(measure_drain(fleet, load, int(size), window_s=window_s))
    return {size: round(statistics.median(found), 1) for size, found in rates.items()}


def _quantized(pictures: list[bytes], folder: Path) -> tuple[Path, str]:
    made = quantize(shipped_model()[0], (decode(picture) for picture in pictures[:100]), "int8").SerializeToString()
    path = folder / "int8.onnx"
    path.write_bytes(made)
    return path, hashlib.sha256(made).hexdigest()


def _machine(options: argparse.Namespace) -> dict[str, Any]:
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ""
    )
    return {
        "processor": model or platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "pictures": "photographs" if options.images else "rendered",
        "rounds": options.rounds,
        "commit": _commit(),
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
        "arguments": json.dumps({key: str(value) for key, value in vars(options).items() if key != "out"}),
    }


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--exclude=*", "--dirty=+changes"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
