"""`waste truth`: settings -> adapters -> run."""

import argparse
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from adapters.arguments import integer_between, member_of, number_between
from adapters.environment import read_settings
from adapters.http.webhook import Webhook
from adapters.object_store import key_source
from adapters.postgres.accuracy import PostgresAccuracy
from adapters.postgres.alerts import PostgresAlerts
from adapters.postgres.connections import open_pool
from adapters.postgres.pictures import PostgresPictures
from adapters.postgres.truth import PostgresTruth
from adapters.s3.deliveries import S3Deliveries
from adapters.settings import DatabaseSettings, LogSettings, ObjectStoreSettings
from adapters.telemetry.facts import FleetTelemetry
from adapters.telemetry.logs import configure_logging
from contracts.accuracy import Dimension
from contracts.categories import CATEGORIES
from contracts.image_urls import S3Location
from contracts.truth import Oddity, plant_of
from learning.truth.alarm import BASELINE
from learning.truth.camera_watch import CameraWatch
from learning.truth.commands import Bench, accuracy, import_file, join_all, list_alerts, list_odd, list_sensors, look, watch_prefix
from learning.truth.watch import AccuracyWatch


class TruthSettings(LogSettings, DatabaseSettings):
    """What the commands on ground truth are told."""

    alert_webhook_url: Annotated[SecretStr | None, Field(alias="ALERT_WEBHOOK_URL")] = None
    """Where alerts are POSTed to; it may hold a token."""
    accuracy_baseline: Annotated[float, Field(alias="ACCURACY_BASELINE", gt=0, lt=1)] = BASELINE

    @field_validator("alert_webhook_url")
    @classmethod
    def _web(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"https?://[^/@?#\s]+(/\S*)?", value.get_secret_value()):
            msg = "is no http or https URL"
            raise ValueError(msg)
        return value


def main(argv: list[str] | None = None) -> int:
    """Run a command on what plants told."""
    options = _parser().parse_args(argv)
    settings = read_settings(TruthSettings, os.environ)
    configure_logging("truth", settings.log_level, settings.log_format)
    with open_pool(settings.database_url.get_secret_value(), name="waste-truth", max_size=2) as pool:
        truth = PostgresTruth(pool)
        clock, decisions, url = lambda: datetime.now(UTC), PostgresAccuracy(pool, CATEGORIES), settings.alert_webhook_url
        alerts, messenger = PostgresAlerts(pool), Webhook(url.get_secret_value() if url else None)
        telemetry = FleetTelemetry()
        watch = AccuracyWatch(decisions, alerts, messenger, clock, telemetry, baseline=settings.accuracy_baseline)
        cameras = CameraWatch(PostgresPictures(pool), alerts, clock, telemetry)
        bench = Bench(truth, truth, decisions, alerts, watch, cameras, _deliveries, clock, sys.stdout.write)
        return int(options.run(options, bench))


def _deliveries(place: S3Location) -> S3Deliveries:
    settings = read_settings(ObjectStoreSettings, os.environ)
    return S3Deliveries(
        place.bucket, place.key, endpoint_url=settings.s3_endpoint_url, region=settings.s3_region, keys=key_source(settings)()
    )


def _source(text: str) -> str:
    try:
        return plant_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _place(text: str) -> S3Location:
    bucket, _, key = text.removeprefix("s3://").partition("/")
    if not text.startswith("s3://") or not bucket:
        raise argparse.ArgumentTypeError(f"{text!r} is no place as s3://bucket/prefix")
    return S3Location(bucket, key)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="waste truth", description="What really was in the bins, and how often the fleet is right."
    )
    commands = parser.add_subparsers(required=True, metavar="import|watch|join|list|accuracy|look|alerts|sensors")
    brought = _command(commands, "import", import_file, "take labels from a .csv, .jsonl or .parquet file")
    brought.add_argument("file", type=Path)
    brought.add_argument("--source", type=_source, required=True, metavar="PLANT", help="the plant that sent it, as north")
    watched = _command(commands, "watch", watch_prefix, "take the files that lie below a prefix and were not taken yet")
    watched.add_argument("place", type=_place, metavar="s3://BUCKET/PREFIX", help="below it a folder for each plant")
    _command(commands, "join", join_all, "join labels with what the fleet decided")
    _command(commands, "look", look, "join, see whether accuracy has fallen, and tell of it; for a cron job, each hour")
    odd = _command(commands, "list", list_odd, "list labels that found nobody, or that are contradicted")
    odd.add_argument("what", type=member_of(Oddity), metavar="|".join(Oddity))
    odd.add_argument("--limit", type=integer_between(1, 10_000), default=20)
    listed = _command(commands, "alerts", list_alerts, "list alerts, the newest first")
    listed.add_argument("--limit", type=integer_between(1, 10_000), default=20)
    sick = _command(commands, "sensors", list_sensors, "list the sensors whose camera is sick")
    sick.add_argument("--accept", metavar="SENSOR", help="close its ticket: what it shows from now on is usual for it")
    told = _command(commands, "accuracy", accuracy, "say how often the fleet is right")
    told.add_argument("--days", type=integer_between(1, 3650), default=7, help="(default: 7)")
    told.add_argument("--mature-h", type=number_between(0, 24 * 90), default=24.0, metavar="HOURS",
                      help="labels are awaited so long: the last hours do not count (default: 24)")  # fmt: skip
    told.add_argument("--by", type=member_of(Dimension), default=Dimension.ALL, metavar="|".join(Dimension))
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, said: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=said, description=said)
    command.set_defaults(run=run)
    command.add_argument("--json", action="store_true")
    return command


if __name__ == "__main__":
    sys.exit(main())
