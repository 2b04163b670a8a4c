"""`waste monitor`: settings -> adapters -> run. It reads, and changes nothing."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from threading import Event, Thread
from typing import Annotated, Any

from pydantic import Field, field_validator

from adapters.celery.queue import CeleryWorkQueue, celery_app
from adapters.environment import read_settings
from adapters.http.certificates import certificate_seconds
from adapters.http.health import Health, serve_health
from adapters.loops import READY, run_until_stopped
from adapters.postgres.alerts import PostgresAlerts
from adapters.postgres.connections import Pool, open_pool
from adapters.postgres.figures import PostgresFigures
from adapters.queues import open_dead_letter_queue, open_edge_queue
from adapters.settings import DatabaseSettings, LogSettings, Names, PriceSettings, QueueSettings
from adapters.stopping import stop_on_signals
from adapters.telemetry import shown_figures as shown
from adapters.telemetry.facts import FleetTelemetry
from adapters.telemetry.logs import configure_logging
from contracts.alerts import KINDS
from contracts.messages import QueueDepth
from contracts.names import DEAD_LETTER_QUEUE, EDGE_QUEUE, SLOW_QUEUE
from contracts.ports import MessageQueue
from monitor.watch import LATE, SOON, LossWatch, Sight, Watch

_QUICK_S, _SLOW_S, _RARE_S = 10.0, 60.0, 3600.0
_LOOK_AFTER_EVERY_S = 1.0
_LEDGER, _QUEUES = "ledger", "queues"
_HOST = r"(?=.{1,253}$)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*"
_LAST_PORT = 65535


class MonitorSettings(LogSettings, QueueSettings, DatabaseSettings, PriceSettings):
    """What the monitor is told."""

    health_port: Annotated[int, Field(alias="HEALTH_PORT", ge=1, le=65535)] = 9000
    silent_after_h: Annotated[float, Field(alias="SILENT_AFTER_H", ge=0.01, le=24 * 365)] = 6.0
    """Hours after which a sensor that was not heard of counts as silent."""
    certificate_servers: Annotated[Names, Field(alias="CERTIFICATE_SERVERS")] = ()
    """Servers whose certificates are watched, `name:port`."""

    @field_validator("certificate_servers")
    @classmethod
    def _servers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for server in value:
            host, _, port = server.rpartition(":")
            if not re.fullmatch(_HOST, host) or not re.fullmatch("[0-9]{1,5}", port) or not 1 <= int(port) <= _LAST_PORT:
                msg = f"has {server!r}, which is not `name:port`"
                raise ValueError(msg)
        return value


def main(argv: list[str] | None = None) -> int:
    """Run the monitor until it is told to end."""
    argparse.ArgumentParser(prog="waste monitor", description="The fleet's state as metrics for Prometheus.").parse_args(argv)
    settings = read_settings(MonitorSettings, os.environ)
    configure_logging("monitor", settings.log_level, settings.log_format)
    stop, health, telemetry = stop_on_signals(), Health(READY, _LEDGER), FleetTelemetry()
    stop_serving = serve_health(health, settings.health_host, settings.health_port)
    shown.show_prices(settings.prices())
    with open_pool(settings.database_url.get_secret_value(), name="waste-monitor", max_size=1) as pool:
        ledger, of_ledger = Watch(_of_ledger(settings, pool), shown.seen), Health(READY)
        rest = Watch([*_of_queues(settings), *_of_servers(settings)], shown.seen)
        health.watch(of_ledger.why_dead)
        # A database that hangs raises nothing: it shall neither hide the queues nor keep the monitor from ending.
        beside = partial(run_until_stopped, ledger.take_one, stop, of_ledger, telemetry, idle_s=1.0)
        Thread(target=beside, name=_LEDGER, daemon=True).start()
        Thread(target=_look_after, args=((ledger, rest), of_ledger, health, stop), name="old figures", daemon=True).start()
        run_until_stopped(rest.take_one, stop, health, telemetry, idle_s=1.0)
    stop_serving()
    return 0


def _look_after(watches: Sequence[Watch], of_ledger: Health, health: Health, stop: Event) -> None:
    while not stop.wait(_LOOK_AFTER_EVERY_S):
        for watch in watches:
            watch.forget_old()
        (health.lost if of_ledger.why_unready() or of_ledger.why_dead() else health.met)(_LEDGER)


def _of_ledger(settings: MonitorSettings, pool: Pool) -> list[Sight[Any]]:
    ledger, alerts = PostgresFigures(pool), PostgresAlerts(pool)
    sensors = partial(ledger.sensors, settings.silent_after_h * 3600)
    return [
        Sight("open events", _QUICK_S, ledger.open_events, shown.show_open_events, _LEDGER),
        Sight("losses", _SLOW_S, LossWatch(ledger, SOON).look, partial(shown.show_losses, "soon"), _LEDGER),
        Sight("late losses", _SLOW_S, LossWatch(ledger, LATE).look, partial(shown.show_losses, "late"), _LEDGER),
        Sight("review", _SLOW_S, ledger.review, shown.show_review, _LEDGER),
        Sight("sensors", _SLOW_S, sensors, shown.show_sensors, _LEDGER),
        Sight("alerts", _SLOW_S, lambda: {kind: len(alerts.standing(kind)) for kind in KINDS}, shown.show_alerts, _LEDGER),
        Sight("months", _SLOW_S, ledger.months_ahead_s, shown.show_months_ahead, _LEDGER),
    ]


def _of_queues(settings: MonitorSettings) -> list[Sight[Any]]:
    edge, work = open_edge_queue(settings), CeleryWorkQueue(celery_app(settings.work_url(), region=settings.aws_region))
    queues = {EDGE_QUEUE: edge, DEAD_LETTER_QUEUE: open_dead_letter_queue(settings)}
    return [
        *(
            Sight(name, _QUICK_S, partial(_waiting, queue), partial(shown.show_queue, name), _QUEUES)
            for name, queue in queues.items()
        ),
        Sight("work queues", _QUICK_S, partial(work.depths, SLOW_QUEUE), shown.show_work_queues, _QUEUES),
        Sight("broker", _QUICK_S, edge.memory_share, shown.show_broker_memory, _QUEUES),
    ]


def _waiting(queue: MessageQueue) -> tuple[QueueDepth, float | None]:
    return queue.depth(), queue.oldest_age_s(datetime.now(UTC))


def _of_servers(settings: MonitorSettings) -> list[Sight[Any]]:
    return [
        Sight(server, _RARE_S, partial(certificate_seconds, server), partial(shown.show_certificate, server))
        for server in settings.certificate_servers
    ]


if __name__ == "__main__":
    sys.exit(main())
