"""`waste slow`: settings -> adapters -> run."""

import argparse
import os
import sys
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Annotated

from pydantic import Field

from adapters.celery.schedule import Job, run_schedule, schedule_app
from adapters.environment import read_settings
from adapters.http.health import Health, serve_health
from adapters.http.webhook import Webhook
from adapters.postgres.accuracy import PostgresAccuracy
from adapters.postgres.alerts import PostgresAlerts
from adapters.postgres.connections import Pool, open_pool
from adapters.postgres.pictures import PostgresPictures
from adapters.postgres.registry import PostgresRegistry
from adapters.postgres.trainings import PostgresTrainings
from adapters.postgres.trials import PostgresTrials
from adapters.postgres.truth import PostgresTruth
from adapters.settings import QueueSettings
from adapters.telemetry.facts import FleetTelemetry
from adapters.telemetry.logs import configure_logging
from contracts.categories import CATEGORIES
from contracts.ports import Clock
from learning.retrain.__main__ import RetrainSettings, open_retraining
from learning.retrain.trigger import Rhythm
from learning.rollout.steering import Steering
from learning.slow.jobs import SlowLoop
from learning.truth.__main__ import TruthSettings
from learning.truth.camera_watch import CameraWatch
from learning.truth.looking import Looking
from learning.truth.watch import AccuracyWatch


class SlowSettings(RetrainSettings, TruthSettings, QueueSettings):
    """What the slow loop is told."""

    look_every_s: Annotated[float, Field(alias="LOOK_EVERY_S", ge=1, le=86_400)] = 3600.0
    retrain_every_days: Annotated[float, Field(alias="RETRAIN_EVERY_DAYS", ge=0, le=3650)] = 30.0
    """A training without an alert; 0: by alerts and by hand alone."""


def main(argv: list[str] | None = None) -> int:
    """Look, ask, train and steer until it is told to end."""
    argparse.ArgumentParser(prog="waste slow", description=main.__doc__).parse_args(argv)
    settings = read_settings(SlowSettings, os.environ)
    configure_logging("slow", settings.log_level, settings.log_format)
    health = Health()
    stop_serving = serve_health(health, settings.health_host, settings.health_port)
    with open_pool(settings.database_url.get_secret_value(), name="waste-slow", max_size=6) as pool:
        loop = open_loop(settings, pool, _now)
        jobs = {
            "look-at-accuracy": Job(settings.look_every_s, loop.look),
            "ask-for-training": Job(min(60.0, settings.look_every_s), loop.ask),
            "run-training": Job(min(30.0, settings.look_every_s), loop.train),
            "steer-rollout": Job(min(15.0, settings.look_every_s), loop.steer),
        }
        try:
            app = schedule_app(settings.work_url(), jobs, region=settings.aws_region, tick=health.tick)
            return run_schedule(app, jobs, stopping=Event(), tick=health.tick)
        finally:
            stop_serving()


def open_loop(settings: SlowSettings, pool: Pool, clock: Clock, rhythm: Rhythm | None = None) -> SlowLoop:
    """Return the jobs; what they see of the field is judged by `clock`, what people and programs do by the ledger's."""
    telemetry, alerts, registry = FleetTelemetry(), PostgresAlerts(pool), PostgresRegistry(pool)
    url = settings.alert_webhook_url
    messenger = Webhook(url.get_secret_value() if url else None)
    decisions = PostgresAccuracy(pool, CATEGORIES)
    watch = AccuracyWatch(decisions, alerts, messenger, clock, telemetry, baseline=settings.accuracy_baseline)
    cameras = CameraWatch(PostgresPictures(pool), alerts, clock, telemetry)
    return SlowLoop(
        looking=Looking(PostgresTruth(pool), cameras, watch),
        alerts=alerts,
        trainings=PostgresTrainings(pool),
        retraining=lambda: open_retraining(settings, pool),
        registry=registry,
        steering=Steering(registry, PostgresTrials(pool), _now, telemetry),
        clock=_now,
        rhythm=rhythm or Rhythm(timedelta(days=settings.retrain_every_days) if settings.retrain_every_days else None),
    )


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    sys.exit(main())
