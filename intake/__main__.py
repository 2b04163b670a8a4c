"""`waste intake`: settings -> adapters -> run; `waste device`: credentials and their revocation."""

import argparse
import math
import os
import sys
import threading
from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from adapters.celery.queue import CeleryWorkQueue, celery_app
from adapters.environment import read_settings
from adapters.http.health import Health, serve_health
from adapters.loops import READY, run_until_stopped
from adapters.postgres.connections import Pool, open_pool
from adapters.postgres.fleet import PostgresFleet
from adapters.postgres.intake import PostgresIntakeLedger
from adapters.postgres.reconciliation import PostgresReconciliation
from adapters.queues import open_dead_letter_queue, open_edge_queue, open_hints
from adapters.settings import (
    DatabaseSettings,
    ImageSettings,
    LogSettings,
    MasterKeySettings,
    PressureSettings,
    QueueSettings,
    TraceSettings,
)
from adapters.stopping import stop_on_signals
from adapters.telemetry import metrics
from adapters.telemetry.facts import FleetTelemetry
from adapters.telemetry.logs import configure_logging
from adapters.telemetry.traces import Traces, open_traces
from contracts.fleet import FleetStatus
from intake.drain import Drain
from intake.fleet_status import look
from intake.load import LoadWatch, workers_needed
from intake.reconciler import Reconciler
from intake.weather import Weather

_LOAD_EVERY_S = 10.0


class IntakeSettings(
    LogSettings, TraceSettings, QueueSettings, DatabaseSettings, ImageSettings, MasterKeySettings, PressureSettings
):
    """What intake is told."""

    max_wake_ups: Annotated[int, Field(alias="MAX_WAKE_UPS", ge=1)] = 256
    """Wake-ups that may wait for workers before the rest of a backlog stays on the edge queue."""
    reconcile_grace_s: Annotated[float, Field(alias="RECONCILE_GRACE_S", ge=1, le=3600, allow_inf_nan=False)] = 5.0


def main(argv: list[str] | None = None) -> int:
    """Run intake until it is told to end."""
    parser = argparse.ArgumentParser(prog="waste intake", description="Bring the edge queue into the ledger and keep it woken.")
    parser.add_argument("--no-reconcile", action="store_true", help="leave reconciling to another intake")
    options = parser.parse_args(argv)
    settings = read_settings(IntakeSettings, os.environ)
    configure_logging("intake", settings.log_level, settings.log_format, settings.log_events_per_s)
    traces = open_traces(settings, "intake")
    stop, health = stop_on_signals(), Health(READY)
    stop_serving = serve_health(health, settings.health_host, settings.health_port)
    pool = open_pool(settings.database_url.get_secret_value(), name="waste-intake")
    reconciling = None if options.no_reconcile else _start_reconciler(settings, pool, stop, traces)
    if reconciling:
        health.watch(lambda: "" if reconciling.is_alive() else "the reconciler has ended")
    _start_weather(settings, stop)
    _start_load(settings, pool, stop)
    telemetry = FleetTelemetry(traces)
    run_until_stopped(_drain(settings, pool, telemetry).take_one, stop, health, telemetry)
    if reconciling:
        reconciling.join(timeout=10)
    pool.close(timeout=3)
    if traces:
        traces.close()
    stop_serving()
    return 0


def _drain(settings: IntakeSettings, pool: Pool, telemetry: FleetTelemetry) -> Drain:
    return Drain(
        open_edge_queue(settings),
        PostgresIntakeLedger(pool),
        CeleryWorkQueue(celery_app(settings.work_url(), region=settings.aws_region)),
        open_dead_letter_queue(settings),
        master_key=settings.master_key(),
        urls=settings.rule(),
        clock=lambda: datetime.now(UTC),
        telemetry=telemetry,
        max_wake_ups=settings.max_wake_ups,
    )


def _start_weather(settings: IntakeSettings, stop: threading.Event) -> None:
    # Devices that write to the queue directly read there how fast they may, also where no gateway runs.
    marks, telemetry = settings.marks(), FleetTelemetry()
    weather = Weather(open_edge_queue(settings), marks, lambda: datetime.now(UTC), open_hints(settings, marks).post)

    def look() -> bool:
        weather.look()
        return False

    loop = (look, stop, Health(), telemetry)
    threading.Thread(target=run_until_stopped, args=loop, kwargs={"idle_s": 1.0}, name="weather", daemon=True).start()


def _start_load(settings: IntakeSettings, pool: Pool, stop: threading.Event) -> None:
    edge, ledger = open_edge_queue(settings), PostgresFleet(pool)
    watch = LoadWatch(lambda: look(ledger.status, edge), _show_load, _LOAD_EVERY_S)
    loop = (watch.take_one, stop, Health(), FleetTelemetry())
    threading.Thread(target=run_until_stopped, args=loop, kwargs={"idle_s": 1.0}, name="load", daemon=True).start()


def _show_load(status: FleetStatus | None) -> None:
    metrics.BACKLOG_SECONDS.set(status.backlog_s if status else math.nan)
    metrics.BACKLOG_EVENTS.set(status.backlog if status else math.nan)
    metrics.WORKERS.set(len(status.working) if status else math.nan)
    metrics.WORKERS_NEEDED.set(workers_needed(status) if status else math.nan)


def _start_reconciler(settings: IntakeSettings, pool: Pool, stop: threading.Event, traces: Traces | None) -> threading.Thread:
    telemetry = FleetTelemetry(traces)
    work = CeleryWorkQueue(celery_app(settings.work_url(), region=settings.aws_region))
    dead_letters = open_dead_letter_queue(settings)
    reconciler = Reconciler(PostgresReconciliation(pool), work, dead_letters, telemetry, grace_s=settings.reconcile_grace_s)
    loop = (reconciler.take_one, stop, Health(), telemetry)
    thread = threading.Thread(target=run_until_stopped, args=loop, kwargs={"idle_s": 1.0}, name="reconciler", daemon=True)
    thread.start()
    return thread


if __name__ == "__main__":
    sys.exit(main())
