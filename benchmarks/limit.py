"""The limit: decode and inference alone, images in memory, one single-thread session a core."""

import multiprocessing
import os
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from adapters.onnx.model import OnnxClassifier
from adapters.pictures.pixels import decode


def measure_limit(model: tuple[Path, str], pictures: list[bytes], seconds: float) -> float:
    """Return the events/s of one process a core that do nothing but the arithmetic."""
    context = multiprocessing.get_context("spawn")
    processes = os.cpu_count() or 1
    barrier, results = context.Barrier(processes), context.SimpleQueue()
    running = [context.Process(target=_work, args=(model, pictures, seconds, barrier, results)) for _ in range(processes)]
    for process in running:
        process.start()
    rate = sum(results.get() for _ in running)
    for process in running:
        process.join()
    return float(rate)


def _work(model: tuple[Path, str], pictures: list[bytes], seconds: float, barrier: Barrier, results: Any) -> None:
    classifier = OnnxClassifier.load(*model)
    classifier.classify(decode(pictures[0]))
    barrier.wait(60)
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        classifier.classify(decode(pictures[done % len(pictures)]))
        done += 1
    results.put(done / (time.perf_counter() - started))
