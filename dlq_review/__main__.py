"""`waste dlq`: settings -> adapters -> run."""

import argparse
import gc
import os
import random
import sys
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from adapters.environment import read_settings
from adapters.http.health import Health, serve_health
from adapters.http.server import serve
from adapters.image_source import SourceSettings, open_image_source
from adapters.loops import READY, run_until_stopped
from adapters.passwords import Argon2Passwords
from adapters.pictures.for_people import FleetPictures
from adapters.postgres.accounts import PostgresAccounts
from adapters.postgres.backlog import PostgresBacklog
from adapters.postgres.browse import PostgresBrowser
from adapters.postgres.connections import Pool, open_pool, ping
from adapters.postgres.console import PostgresConsole
from adapters.postgres.failures import PostgresFailureLane
from adapters.postgres.fleet import PostgresFleet
from adapters.postgres.history import PostgresHistory
from adapters.postgres.labels import PostgresLabels
from adapters.postgres.lane import PostgresReviewLane
from adapters.postgres.quality import PostgresQuality
from adapters.postgres.registry import PostgresRegistry
from adapters.postgres.review import PostgresReviewDesk
from adapters.postgres.rollups import PostgresRollups
from adapters.postgres.story import PostgresStories
from adapters.postgres.trainings import PostgresTrainings
from adapters.queues import open_dead_letter_queue, open_edge_queue
from adapters.settings import DatabaseSettings, LogSettings, Names, QueueSettings, TraceSettings
from adapters.stopping import stop_on_signals
from adapters.telemetry.facts import FleetTelemetry
from adapters.telemetry.logs import configure_logging
from adapters.telemetry.traces import open_traces
from contracts.categories import CATEGORIES
from contracts.rollups import Rollups
from dlq_review.arguments import parser
from dlq_review.chores import WithChores
from dlq_review.console.room import BASELINE, Room
from dlq_review.desk import Desk
from dlq_review.drain import DeadLetterDrain
from dlq_review.web.app import create_app
from dlq_review.web.pulse import Pulse
from dlq_review.web.visitors import Doors

_GATHER_S = 0.25
_CONNECTIONS, _CONNECTIONS_OF_CONSOLE = 8, 4
_DATABASE = "database"
_LOCAL = ["127.0.0.1", "localhost", "[::1]"]


class ReviewSettings(LogSettings, TraceSettings, QueueSettings, DatabaseSettings):
    """What the review desk's commands and its drain are told."""

    audit_share: Annotated[float, Field(alias="AUDIT_SHARE", ge=0, le=1)] = 0.01
    """Of what the model decides alone, this share comes to people by chance."""
    second_opinion_share: Annotated[float, Field(alias="SECOND_OPINION_SHARE", ge=0, le=1)] = 0.05
    """Of the items, this share is shown to two people."""
    redrive_per_second: Annotated[float, Field(alias="REDRIVE_PER_SECOND", gt=0, le=10_000)] = 50.0
    review_port: Annotated[int, Field(alias="REVIEW_PORT", ge=1, le=65535)] = 8080
    review_public_url: Annotated[str | None, Field(alias="REVIEW_PUBLIC_URL", pattern="^https?://[^/@?#]+$")] = None
    """What browsers call the desk; https makes its cookies secure. Empty: this machine's own, for browsers on it."""

    @property
    def public_url(self) -> str:
        """What browsers call the desk."""
        return self.review_public_url or f"http://127.0.0.1:{self.review_port}"


class ServeSettings(ReviewSettings, SourceSettings):
    """What the review desk's pages are told."""

    review_host: Annotated[str, Field(alias="REVIEW_HOST")] = "127.0.0.1"
    review_proxies: Annotated[Names, Field(alias="REVIEW_PROXIES")] = ()
    """Addresses of reverse proxies whose X-Forwarded-For is believed."""
    review_proxy_user_header: Annotated[str | None, Field(alias="REVIEW_PROXY_USER_HEADER", pattern="^[A-Za-z0-9-]+$")] = None
    """The header in which a reverse proxy says who somebody is."""
    review_proxy_secret: Annotated[SecretStr | None, Field(alias="REVIEW_PROXY_SECRET", min_length=16)] = None
    """What the proxy sends as X-Proxy-Secret, so that nobody else can say it."""
    gold_share: Annotated[float, Field(alias="GOLD_SHARE", ge=0, le=0.5)] = 0.02
    """Of what a reviewer is shown, this share is items whose answer is known."""
    reviewer_hours_a_day: Annotated[float, Field(alias="REVIEWER_HOURS_A_DAY", gt=0, le=1000)] = 4.0
    accuracy_baseline: Annotated[float, Field(alias="ACCURACY_BASELINE", gt=0, lt=1)] = BASELINE
    """The accuracy that the fleet is held to, a line in the console; the slow loop is told the same."""
    console_logs_url: Annotated[str, Field(alias="CONSOLE_LOGS_URL", pattern="^(https?://[^ ]+)?$")] = ""
    """Where log lines are searched, with {event_id} where an event's id belongs. Empty: the console only says what to look for."""
    console_traces_url: Annotated[str, Field(alias="CONSOLE_TRACES_URL", pattern="^(https?://[^ ]+)?$")] = ""
    """Where traces are shown, with {trace_id} in it."""

    @field_validator("review_proxy_secret")
    @classmethod
    def _pair(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if bool(value) is not bool(info.data.get("review_proxy_user_header")):
            msg = "goes with REVIEW_PROXY_USER_HEADER: both or none"
            raise ValueError(msg)
        return value


def main(argv: list[str] | None = None) -> int:
    """Run a command of the dead-letter queue."""
    options = parser(_drain, _serve).parse_args(argv)
    settings = read_settings(ServeSettings if options.program is _serve else ReviewSettings, os.environ)
    configure_logging("dlq-review", settings.log_level, settings.log_format, settings.log_events_per_s)
    size = _CONNECTIONS if options.program is _serve else 2
    pool = open_pool(settings.database_url.get_secret_value(), name="waste-review", max_size=size)
    try:
        if options.program:
            return int(options.program(options, settings, pool))
        return int(options.run(options, _desk(settings, pool)))
    finally:
        pool.close(timeout=3)


def console(argv: list[str] | None = None) -> int:
    """Serve the console, which stands in the review desk's own app, and say where it is."""
    said = "The console: the fleet now, the model, rollout, sensors, events. It is served with the review desk (waste dlq serve)."
    argparse.ArgumentParser(prog="waste console", description=said).parse_args(argv)
    settings = read_settings(ServeSettings, os.environ)
    sys.stdout.write(f"the console: {settings.public_url}/console (for accounts of the role ops)\n")
    sys.stdout.flush()
    return main(["serve"])


def _desk(settings: ReviewSettings, pool: Pool, **more: object) -> Desk:
    values = {
        "edge_queue": open_edge_queue(settings),
        "dead_letters": open_dead_letter_queue(settings),
        "clock": lambda: datetime.now(UTC),
        "telemetry": FleetTelemetry(),
        "chance": random.random,
        "redrive_per_second": settings.redrive_per_second,
        "public_url": settings.public_url,
    }
    return Desk(**(ledgers(pool, settings.second_opinion_share) | values | more))  # type: ignore[arg-type]


def ledgers(pool: Pool, second_opinion_share: float) -> dict[str, object]:
    """Return what a `Desk` keeps in Postgres, by the names of its fields."""
    return {
        "lane": PostgresReviewLane(pool),
        "labels": PostgresLabels(pool),
        "browser": PostgresBrowser(pool),
        "failures": PostgresFailureLane(pool),
        "accounts": PostgresAccounts(pool),
        "quality": PostgresQuality(pool, second_opinion_share=second_opinion_share),
        "backlog": PostgresBacklog(pool),
        "letters": PostgresReviewDesk(pool, second_opinion_share=second_opinion_share),
    }


def room_of(pool: Pool, baseline: float = BASELINE, logs_url: str = "", traces_url: str = "") -> Room:
    """Return what the console works with."""
    return Room(
        history=PostgresHistory(pool),
        book=PostgresConsole(pool),
        fleet=PostgresFleet(pool).status,
        stories=PostgresStories(pool),
        registry=PostgresRegistry(pool),
        trainings=PostgresTrainings(pool),
        baseline=baseline,
        logs_url=logs_url,
        traces_url=traces_url,
    )


def _drain(options: argparse.Namespace, settings: ReviewSettings, pool: Pool) -> int:
    traces = open_traces(settings, "dlq-drain")
    try:
        return _drain_with(
            options, settings, _desk(settings, pool, telemetry=FleetTelemetry(traces)), PostgresRollups(pool, CATEGORIES)
        )
    finally:
        if traces:
            traces.close()


def _drain_with(options: argparse.Namespace, settings: ReviewSettings, desk: Desk, rollups: Rollups) -> int:
    drain = DeadLetterDrain(desk.dead_letters, desk.letters, desk.clock, desk.telemetry, gather_s=_GATHER_S)
    if options.once:
        desk.letters.check()  # an empty queue would not show that the login is of another role
        while drain.take_one(wait_s=0):
            pass
        return 0
    stop, health = stop_on_signals(), Health(READY)
    stop_serving = serve_health(health, settings.health_host, settings.health_port)
    rounds = WithChores(drain.take_one, desk.quality, desk.letters, rollups, desk.telemetry, audit_share=settings.audit_share)
    run_until_stopped(rounds.take_one, stop, health, desk.telemetry)
    stop_serving()
    return 0


def _serve(_: argparse.Namespace, settings: ServeSettings, pool: Pool) -> int:
    desk = _desk(
        settings,
        pool,
        gold_share=settings.gold_share,
        reviewer_hours_a_day=settings.reviewer_hours_a_day,
        pictures=FleetPictures(open_image_source(settings)),
        passwords=Argon2Passwords(),
    )
    secret = settings.review_proxy_secret
    doors = Doors(
        public_url=settings.public_url,
        proxy_user_header=settings.review_proxy_user_header,
        proxy_secret=secret.get_secret_value() if secret else None,
    )
    # Slow questions of the console wait for each other, and keep no reviewer from a connection.
    asking = open_pool(settings.database_url.get_secret_value(), name="waste-console", max_size=_CONNECTIONS_OF_CONSOLE)
    room = room_of(asking, settings.accuracy_baseline, settings.console_logs_url, settings.console_traces_url)
    hosts = [urlsplit(settings.public_url).hostname or "", *_LOCAL]
    health = Health(_DATABASE)
    stop_serving = serve_health(health, settings.health_host, settings.health_port)
    pulse = Pulse(health.tick, lambda: ping(pool), lambda there: (health.met if there else health.lost)(_DATABASE))
    # What was imported stays: looking through all of it for garbage held up a page by a tenth of a second now and then.
    gc.collect()
    gc.freeze()
    try:
        serve(
            create_app(desk, room, doors, hosts=hosts, pulse=pulse),
            host=settings.review_host,
            port=settings.review_port,
            setting="REVIEW_PORT",
            proxy_headers=bool(settings.review_proxies),
            forwarded_allow_ips=list(settings.review_proxies),
            timeout_keep_alive=75,
        )
    finally:
        stop_serving()
        asking.close(timeout=3)
    return 0


if __name__ == "__main__":
    sys.exit(main())
