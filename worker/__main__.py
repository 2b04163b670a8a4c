"""`waste worker`: settings -> adapters -> run."""

import argparse
import os
import random
import socket
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from threading import Event
from typing import Annotated
from uuid import uuid4

import structlog
from pydantic import Field

from adapters.arguments import integer_between
from adapters.celery_queue import CeleryWorkQueue, celery_app
from adapters.environment import read_settings
from adapters.health import Health, serve_health
from adapters.image_source import SourceSettings, open_image_source
from adapters.images import decode
from adapters.logs import configure_logging
from adapters.onnx_model import OnnxClassifier
from adapters.postgres import open_pool
from adapters.postgres_worker import PostgresWorkerLedger
from adapters.queues import open_dead_letter_queue
from adapters.settings import DatabaseSettings, LogSettings, QueueSettings
from adapters.telemetry import FleetTelemetry
from contracts.errors import LedgerUnavailable
from contracts.ledger import WorkerPulse
from models import shipped_model
from worker.celery_worker import BROKER, run_celery_worker
from worker.classify import ItemClassifier
from worker.heartbeat import Heartbeat
from worker.isolated import Isolated, serve
from worker.process import Processor
from worker.progress import LEDGER, OBJECT_STORE, Progress
from worker.tasks import register_task
from worker.turns import Turns
from worker.workplace import Workplace

_STALLED_S = 120.0
_HUNG_EXIT = 70


class WorkerSettings(LogSettings, QueueSettings, DatabaseSettings, SourceSettings):
    """What a worker is told."""

    model_path: Annotated[str | None, Field(alias="MODEL_PATH")] = None
    """Empty: the shipped model."""
    model_sha256: Annotated[str | None, Field(alias="MODEL_SHA256", pattern="^[0-9a-f]{64}$")] = None
    confidence_threshold: Annotated[float | None, Field(alias="CONFIDENCE_THRESHOLD", ge=0, le=1)] = None
    """Empty: the model's own."""
    compute_at_once: Annotated[int, Field(alias="COMPUTE_AT_ONCE", ge=0, le=256)] = 0
    """How many images are decoded and classified at the same time; 0: one a core."""


def main(argv: list[str] | None = None) -> int:
    """Run a worker until it is told to end."""
    parser = argparse.ArgumentParser(prog="waste worker", description="Classify what the fleet photographs.")
    parser.add_argument("--concurrency", type=integer_between(1, 256), default=2, help="wake-ups taken at the same time (threads)")
    parser.add_argument("--isolated", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    settings = read_settings(WorkerSettings, os.environ)
    configure_logging("worker", settings.log_level, settings.log_format)
    if options.isolated is not None:
        return serve(_classifier(settings), open_image_source(settings), options.isolated)
    return _run(settings, options.concurrency)


def _run(settings: WorkerSettings, concurrency: int) -> int:
    stopping, health = Event(), Health("model", LEDGER, OBJECT_STORE, BROKER, excuse=BROKER)
    stop_serving = serve_health(health, settings.health_host, settings.health_port)
    model = _load_model(settings)
    health.met("model")
    ledger = PostgresWorkerLedger(
        open_pool(settings.database_url.get_secret_value(), name="waste-worker", max_size=concurrency + 2)
    )
    progress = Progress(lambda need, there: (health.met if there else health.lost)(need))
    place = _workplace(settings, model, ledger, progress, stopping)
    app = celery_app(settings.work_url(), region=settings.aws_region)
    processor = Processor(place)
    register_task(app, processor, stopping)
    health.watch(partial(_stalled, progress, CeleryWorkQueue(celery_app(settings.work_url(), region=settings.aws_region))))
    processor.await_store()
    pulse = WorkerPulse(place.owner, socket.gethostname(), os.getpid(), version("waste-fleet"), model.version)
    on_beat = partial(_on_beat, health)
    Heartbeat(ledger, pulse, progress, stopping, lambda: model.version, _on_hang, on_beat).start()
    try:
        return run_celery_worker(app, concurrency=concurrency, stopping=stopping, vitals=health)
    finally:
        with suppress(LedgerUnavailable):
            ledger.leave(place.owner)
        stop_serving()


def _workplace(
    settings: WorkerSettings, model: OnnxClassifier, ledger: PostgresWorkerLedger, progress: Progress, stopping: Event
) -> Workplace:
    classifier = _classifier(settings, model)
    alone = [sys.executable, "-m", "worker", "--isolated"]
    return Workplace(
        ledger=ledger,
        dead_letters=open_dead_letter_queue(settings),
        images=open_image_source(settings),
        turns=Turns(settings.compute_at_once or os.cpu_count() or 1),
        classifier=classifier,
        isolated=lambda: Isolated(classifier, alone),
        telemetry=FleetTelemetry(),
        owner=uuid4(),
        stopping=stopping,
        progress=progress,
    )


def _classifier(settings: WorkerSettings, model: OnnxClassifier | None = None) -> ItemClassifier:
    loaded = model or _load_model(settings)
    return ItemClassifier(
        decode,
        lambda: loaded,
        clock=lambda: datetime.now(UTC),
        chance=random.random,
        threshold=settings.confidence_threshold,
    )


def _load_model(settings: WorkerSettings) -> OnnxClassifier:
    if settings.model_path is None:
        return OnnxClassifier.load(*shipped_model())
    return OnnxClassifier.load(Path(settings.model_path), settings.model_sha256 or "")


def _on_beat(health: Health, there: bool) -> None:  # noqa: FBT001
    (health.met if there else health.lost)(LEDGER)


def _on_hang(over_s: float) -> None:
    structlog.get_logger("waste").error("worker_hung", over_hard_deadline_s=round(over_s, 1), threads=threading.active_count())
    os._exit(_HUNG_EXIT)


def _stalled(progress: Progress, work: CeleryWorkQueue) -> str:
    if progress.idle_s() < _STALLED_S or work.depth() == 0:
        return ""
    return f"wake-ups wait and none was begun for {progress.idle_s():.0f} s"


if __name__ == "__main__":
    sys.exit(main())
