"""Celery's worker: a pool of threads, told when it is connected, when it goes round and when it is to end."""

import signal
from threading import Event
from types import FrameType
from typing import Any, Protocol

from celery import Celery, bootsteps, signals
from celery.worker import state

from contracts.names import WORK_QUEUE, WORK_QUEUE_FIRST


class Vitals(Protocol):
    """Who hears of the worker's state."""

    def tick(self) -> None:
        """Note that the main loop went round."""

    def met(self, need: str) -> None:
        """Note that a need is met."""

    def lost(self, need: str) -> None:
        """Note that a need is not met."""


BROKER = "broker"


def run_celery_worker(app: Celery, *, concurrency: int, stopping: Event, vitals: Vitals) -> int:
    """Consume wake-ups until SIGTERM or SIGINT; sets `stopping` as soon as one comes. Returns the exit code."""
    app.steps["consumer"].add(_connection_step(vitals))
    # Celery would otherwise put its own handlers and formats in the place of ours.
    signals.setup_logging.connect(_do_nothing, weak=False)
    worker = app.Worker(
        concurrency=concurrency,
        pool="threads",
        queues=[WORK_QUEUE_FIRST, WORK_QUEUE],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    # Celery's own handlers write to stdout in the middle of a signal, and restart the process on SIGHUP.
    worker.install_platform_tweaks = lambda _: _end_on_signals(stopping)
    worker.start()
    return int(worker.exitcode or 0)


def _end_on_signals(stopping: Event) -> None:
    def on_signal(_: int, __: FrameType | None) -> None:
        stopping.set()
        state.should_stop = 0

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)


def _do_nothing(**_: Any) -> None:
    pass


def _connection_step(vitals: Vitals) -> type[Any]:
    class Connected(bootsteps.StartStopStep):  # type: ignore[misc]
        requires = ("celery.worker.consumer.tasks:Tasks",)

        def start(self, consumer: Any) -> None:
            vitals.met(BROKER)
            vitals.tick()
            self.timer = consumer.timer.call_repeatedly(1.0, vitals.tick)

        def stop(self, consumer: Any) -> None:  # noqa: ARG002 - Celery's signature
            vitals.lost(BROKER)
            if timer := getattr(self, "timer", None):
                timer.cancel()

    return Connected
