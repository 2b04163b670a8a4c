"""`waste worker`: settings -> adapters -> run."""

import argparse
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Callable
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
from adapters.celery.queue import CeleryWorkQueue, celery_app
from adapters.environment import read_settings
from adapters.http.health import Health, serve_health
from adapters.image_source import SourceSettings, open_image_source
from adapters.object_store import open_object_store
from adapters.onnx.model import OnnxClassifier
from adapters.onnx.model_cache import ModelCache, default_model_folder
from adapters.pictures.facts import measure
from adapters.pictures.pixels import decode
from adapters.postgres.connections import Pool, open_pool
from adapters.postgres.serving import PostgresServing
from adapters.postgres.worker import PostgresWorkerLedger
from adapters.queues import open_dead_letter_queue
from adapters.settings import DatabaseSettings, LogSettings, QueueSettings, TraceSettings
from adapters.telemetry.facts import FleetTelemetry
from adapters.telemetry.logs import configure_logging
from adapters.telemetry.traces import Traces, open_traces
from contracts.errors import LedgerUnavailable, ModelUnusable
from contracts.facts import ModelLoaded
from contracts.ledger import WorkerPulse
from contracts.models import ModelFile
from contracts.ports import Telemetry
from models import shipped_model
from worker.celery_worker import BROKER, run_celery_worker
from worker.classify import ItemClassifier
from worker.heartbeat import Heartbeat
from worker.isolated import Isolated, serve
from worker.model_keeper import ModelKeeper
from worker.process import Processor
from worker.progress import LEDGER, OBJECT_STORE, Progress
from worker.slots import ModelSlots, OneModel
from worker.tasks import register_task
from worker.turns import Turns
from worker.workplace import Workplace

_STALLED_S = 120.0
_HUNG_EXIT = 70


class WorkerSettings(LogSettings, TraceSettings, QueueSettings, DatabaseSettings, SourceSettings):
    """What a worker is told."""

    model_path: Annotated[str | None, Field(alias="MODEL_PATH")] = None
    """Empty: what the registry says, and the shipped model while it says nothing."""
    model_sha256: Annotated[str | None, Field(alias="MODEL_SHA256", pattern="^[0-9a-f]{64}$")] = None
    confidence_threshold: Annotated[float | None, Field(alias="CONFIDENCE_THRESHOLD", ge=0, le=1)] = None
    """Empty: the model's own."""
    model_cache: Annotated[Path | None, Field(alias="MODEL_CACHE")] = None
    """Where files of the registry's models are kept; empty: the user's cache folder."""
    compute_at_once: Annotated[int, Field(alias="COMPUTE_AT_ONCE", ge=0, le=256)] = 0
    """How many images are decoded and classified at the same time; 0: one a core."""


def main(argv: list[str] | None = None) -> int:
    """Run a worker until it is told to end."""
    parser = argparse.ArgumentParser(prog="waste worker", description="Classify what the fleet photographs.")
    parser.add_argument("--concurrency", type=integer_between(1, 256), default=2, help="wake-ups taken at the same time (threads)")
    parser.add_argument("--isolated", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--isolated-model", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    settings = read_settings(WorkerSettings, os.environ)
    configure_logging("worker", settings.log_level, settings.log_format, settings.log_events_per_s)
    if options.isolated is not None:
        path, sha256 = options.isolated_model or ("", "")
        model = OnnxClassifier.load(Path(path), sha256) if path else _own_model(settings)
        return serve(_classifier(settings, OneModel(model)), open_image_source(settings), options.isolated)
    return _run(settings, options.concurrency)


def _run(settings: WorkerSettings, concurrency: int) -> int:
    traces = open_traces(settings, "worker")
    stopping, health = Event(), Health("model", LEDGER, OBJECT_STORE, BROKER, excuse=BROKER)
    stop_serving = serve_health(health, settings.health_host, settings.health_port)
    cache = ModelCache(settings.model_cache or default_model_folder(), open_object_store(settings))
    models = _models(settings, cache)
    pool = open_pool(settings.database_url.get_secret_value(), name="waste-worker", max_size=concurrency + 3)
    progress = Progress(lambda need, there: (health.met if there else health.lost)(need))
    place = _workplace(settings, models, cache, pool, progress, stopping, traces)
    app = celery_app(settings.work_url(), region=settings.aws_region)
    processor = Processor(place)
    register_task(app, processor, stopping)
    health.watch(partial(_stalled, progress, CeleryWorkQueue(celery_app(settings.work_url(), region=settings.aws_region))))
    heard = _keep(models, place, processor)
    health.met("model")
    processor.await_store()
    pulse = WorkerPulse(place.owner, socket.gethostname(), os.getpid(), version("waste-fleet"), models.served.version)
    Heartbeat(place.ledger, pulse, progress, stopping, lambda: models.served, _on_hang, partial(_on_beat, health), heard).start()
    try:
        return run_celery_worker(app, concurrency=concurrency, stopping=stopping, vitals=health)
    finally:
        with suppress(LedgerUnavailable):
            place.ledger.leave(place.owner)
        if traces:
            traces.close()
        stop_serving()


def _models(settings: WorkerSettings, cache: ModelCache) -> ModelSlots | OneModel:
    if settings.model_path is not None:
        return OneModel(_own_model(settings), "MODEL_PATH names it")
    telemetry = FleetTelemetry()
    return ModelSlots(lambda: _own_model(settings), lambda file: _registered(file, cache, telemetry), telemetry)


def _keep(models: ModelSlots | OneModel, place: Workplace, processor: Processor) -> Callable[[int], None]:
    """Bring the registry's plan into force and see to it that it stays so; returns who wants to hear of its revisions."""
    if isinstance(models, OneModel):
        return lambda _: None
    models.bring(processor.await_ledger(place.serving.plan))
    keeper = ModelKeeper(place.serving, models, f"worker {socket.gethostname()}/{os.getpid()}")
    keeper.start()
    return keeper.heard


def _workplace(
    settings: WorkerSettings,
    models: ModelSlots | OneModel,
    cache: ModelCache,
    pool: Pool,
    progress: Progress,
    stopping: Event,
    traces: Traces | None,
) -> Workplace:
    classifier = _classifier(settings, models)
    return Workplace(
        ledger=PostgresWorkerLedger(pool),
        dead_letters=open_dead_letter_queue(settings),
        images=open_image_source(settings),
        turns=Turns(settings.compute_at_once or os.cpu_count() or 1),
        classifier=classifier,
        isolated=Isolated(classifier, lambda: _alone(models, cache), model=lambda: models.served.version, tick=progress.tick),
        telemetry=FleetTelemetry(traces),
        owner=uuid4(),
        stopping=stopping,
        progress=progress,
        serving=PostgresServing(pool),
    )


def _alone(models: ModelSlots | OneModel, cache: ModelCache) -> list[str]:
    """Return the command of a process for suspects: with the champion, for nothing is tried on them."""
    file = None if isinstance(models, OneModel) else models.in_force.plan.champion
    chosen = ["--isolated-model", str(cache.path_of(file)), file.sha256] if file else []
    return [sys.executable, "-m", "worker", *chosen, "--isolated"]


def _classifier(settings: WorkerSettings, models: ModelSlots | OneModel) -> ItemClassifier:
    return ItemClassifier(
        decode,
        models,
        clock=lambda: datetime.now(UTC),
        chance=random.random,
        threshold=settings.confidence_threshold,
        measure=measure,
    )


def _own_model(settings: WorkerSettings) -> OnnxClassifier:
    if settings.model_path is None:
        return OnnxClassifier.load(*shipped_model())
    return OnnxClassifier.load(Path(settings.model_path), settings.model_sha256 or "")


def _registered(file: ModelFile, cache: ModelCache, telemetry: Telemetry) -> OnnxClassifier:
    began, found = time.monotonic(), "disk" if cache.holds(file) else "store"
    model = OnnxClassifier.load(cache.path_of(file), file.sha256)
    if model.version != file.version:
        raise ModelUnusable(f"the file of {file.version} says that it is {model.version}")
    telemetry.emit(ModelLoaded(file.version, time.monotonic() - began, found))
    return model


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
