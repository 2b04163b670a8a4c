"""Jobs that run again and again, by Celery beat, on a queue of their own: see `contracts.names.SLOW_QUEUE`.

Beat only says when; each job may run as often as it likes and beside another machine's, since what must not happen twice is decided
in the ledger. What waits longer than its own interval is out of date and dropped.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import structlog
from celery import Celery, signals
from celery.beat import Scheduler, Service
from kombu import Exchange, Queue

from adapters.celery.queue import broker_errors, celery_app
from contracts.errors import Infrastructure
from contracts.names import SLOW_QUEUE

_AGAIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Job:
    """Something to run every so many seconds; what it raises is logged, and it runs again."""

    every_s: float
    run: Callable[[], object]


def schedule_app(
    broker_url: str, jobs: Mapping[str, Job], *, region: str | None = None, tick: Callable[[], object] = lambda: None
) -> Celery:
    """Return the app of a program that runs jobs by their names; `tick` is called each time that it looks what is due."""
    app = celery_app(broker_url, region=region)
    queue = Queue(SLOW_QUEUE, Exchange(SLOW_QUEUE, type="direct"), routing_key=SLOW_QUEUE)
    app.conf.update(
        task_queues=(queue,),
        task_default_queue=SLOW_QUEUE,
        beat_scheduler=_ticking(tick),
        beat_max_loop_interval=5,
        beat_schedule={
            name: {"task": name, "schedule": job.every_s, "options": {"queue": SLOW_QUEUE, "expires": job.every_s}}
            for name, job in jobs.items()
        },
    )
    for name, job in jobs.items():
        app.task(_logged(name, job), name=name, ignore_result=True)
    return app


def run_schedule(app: Celery, jobs: Mapping[str, Job], *, stopping: Event, tick: Callable[[], object] = lambda: None) -> int:
    """Run jobs, each once at the start, until SIGTERM or SIGINT; returns the exit code.

    `tick` is called while the queue is waited for at the start.
    """
    signals.setup_logging.connect(_quiet_beat, weak=False)
    signals.worker_shutting_down.connect(lambda **_: stopping.set(), weak=False)
    _run_once(app, jobs, tick)
    worker = app.Worker(
        # A training takes minutes: the steering of a rollout shall not wait for it.
        concurrency=3,
        pool="threads",
        queues=[SLOW_QUEUE],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    # Celery's own beat is a child process: it would outlive whoever is killed, and its ticks would reach nobody here.
    beat = Service(app, scheduler_cls=app.conf.beat_scheduler)
    Thread(target=beat.start, name="beat", daemon=True).start()
    worker.start()
    beat.stop()
    return int(worker.exitcode or 0)


def _ticking(tick: Callable[[], object]) -> type[Scheduler]:
    """Return a scheduler in memory (at a start every job is run once) that says that it goes round, also without a broker."""

    class TickingScheduler(Scheduler):  # type: ignore[misc]
        def tick(self, *args: Any, **kwargs: Any) -> Any:
            tick()
            return super().tick(*args, **kwargs)

    return TickingScheduler


def _run_once(app: Celery, jobs: Mapping[str, Job], tick: Callable[[], object]) -> None:
    """Have every job run; waits for the queue while it is away or full, as the worker does from then on."""
    for name, job in jobs.items():
        while True:
            tick()
            try:
                with broker_errors(app.connection_for_write()):
                    app.send_task(name, queue=SLOW_QUEUE, expires=job.every_s)
                break
            except Infrastructure as error:
                structlog.get_logger("waste").warning("job_not_sent", job=name, reason=error.reason, detail=error.detail)
                time.sleep(_AGAIN_S)


def _logged(name: str, job: Job) -> Callable[[], None]:
    def run() -> None:
        try:
            job.run()
        except Exception:  # noqa: BLE001 - one job's fault is no reason to end the others; it runs again
            structlog.get_logger("waste").exception("job_failed", job=name)

    return run


def _quiet_beat(**_: Any) -> None:
    # Each job says what it did; that it is due once more is no news.
    logging.getLogger("celery.beat").setLevel(logging.WARNING)
