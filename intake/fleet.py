"""`waste fleet sensors`, `status` and `scale`: the bins and the workers, as the service knows them."""

import argparse
import os
import sys
from functools import partial

from adapters.arguments import integer_between, number_between
from adapters.aws.cloudwatch import BACKLOG_METRIC, UTILIZATION_METRIC, CloudWatch, connect
from adapters.environment import read_settings
from adapters.http.health import Health, serve_health
from adapters.loops import READY, run_until_stopped
from adapters.postgres.connections import open_pool
from adapters.postgres.fleet import PostgresFleet
from adapters.postgres.sensors import PostgresSensors
from adapters.queues import open_edge_queue
from adapters.settings import DatabaseSettings, LogSettings, QueueSettings
from adapters.stopping import stop_on_signals
from adapters.telemetry.facts import FleetTelemetry
from adapters.telemetry.logs import configure_logging
from contracts.errors import RequestRefused
from contracts.fleet import FleetStatus
from contracts.scaling import TARGET_S, Limits
from intake.fleet_scale import STATUS, run_command, scale
from intake.fleet_sensors import print_sensors, troubled_of
from intake.fleet_status import as_json, as_text, look
from intake.load import LoadWatch, utilization

_PUBLISH_EVERY_S = 60.0


class FleetStatusSettings(QueueSettings, DatabaseSettings):
    """Where the ledger and the edge queue are."""


class PublishSettings(FleetStatusSettings, LogSettings):
    """What `waste fleet scale publish` is told."""


def main(argv: list[str] | None = None) -> int:
    """Run a command on the fleet; exit code 3 if `sensors --fail` finds one silent or events lost."""
    parser = argparse.ArgumentParser(prog="waste fleet", description="The bins and the workers, as the service knows them.")
    commands = parser.add_subparsers(required=True, metavar="sensors|status|scale")
    _add_sensors(commands.add_parser("sensors", help="list sensors: silent ones, lost events"))
    status = commands.add_parser("status", help="workers, what waits for them, and how fast events come and go")
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=_status)
    _add_scale(commands.add_parser("scale", help="as many workers as the load calls for"))
    options = parser.parse_args(argv)
    return int(options.run(options))


def _add_sensors(listing: argparse.ArgumentParser) -> None:
    listing.description = "Which bins are silent, and which of their events never came."
    listing.add_argument("--silent-after-h", type=number_between(0.01, 24 * 365), default=6.0, help="hours (default: 6)")
    listing.add_argument("--site", help="of this place or fleet alone")
    listing.add_argument("--troubled", action="store_true", help="those alone that are silent or have lost events")
    listing.add_argument("--fail", action="store_true", help="end with code 3 if there are any of those")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=_sensors)


def _add_scale(scaling: argparse.ArgumentParser) -> None:
    scaling.description = "As many workers as the load calls for, by docker compose; or the load as metrics of CloudWatch."
    scaling.add_argument("what", metavar="auto|N|publish", type=_auto_or_number, help="by the load, so many, or put metrics")
    scaling.add_argument("--dry-run", action="store_true", help="only say how many")
    scaling.add_argument("--least", type=integer_between(0, 1000), default=1, help="workers (default: 1)")
    scaling.add_argument("--most", type=integer_between(1, 1000), default=8, help="workers (default: 8)")
    scaling.add_argument(
        "--target-s", type=number_between(1, 86400), default=TARGET_S, help="seconds of backlog (default: %(default)g)"
    )
    scaling.add_argument("--settled-s", type=number_between(0, 86400), default=300.0, help="age before any goes (default: 300)")
    scaling.set_defaults(run=_scale)


def _auto_or_number(text: str) -> str | int:
    if text in {"auto", "publish"}:
        return text
    try:
        return integer_between(0, 1000)(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto nor publish nor a number of workers") from None


def _scale(options: argparse.Namespace) -> int:
    if options.what == "publish":
        return _publish()
    if options.least > options.most:
        raise RequestRefused("--least", "is more than --most")
    limits = Limits(options.least, options.most, options.target_s, options.settled_s)
    count = None if options.what == "auto" else options.what
    scale(count, _said_status, limits, run_command, sys.stdout.write, dry=options.dry_run)
    return 0


def _said_status() -> str:
    if "DATABASE_URL" in os.environ or "DATABASE_URL_FILE" in os.environ:
        return as_json(_look())
    return run_command(STATUS)


def _publish() -> int:
    settings = read_settings(PublishSettings, os.environ)
    configure_logging("scale", settings.log_level, settings.log_format)
    stop, health, cloud = stop_on_signals(), Health(READY), CloudWatch(connect(settings.aws_region))
    stop_serving = serve_health(health, settings.health_host, settings.health_port)
    with open_pool(settings.database_url.get_secret_value(), name="waste-fleet", max_size=1) as pool:
        look_once = partial(look, PostgresFleet(pool).status, open_edge_queue(settings))
        watch = LoadWatch(look_once, partial(put_load, cloud), _PUBLISH_EVERY_S)
        run_until_stopped(watch.take_one, stop, health, FleetTelemetry(), idle_s=1.0)
    stop_serving()
    return 0


def put_load(cloud: CloudWatch, status: FleetStatus | None) -> None:
    """Put the load to CloudWatch; nothing while it is not known, which its alarms see as missing data."""
    if status is not None:
        cloud.put({BACKLOG_METRIC: status.backlog_s, UTILIZATION_METRIC: utilization(status)})


def _sensors(options: argparse.Namespace) -> int:
    settings = read_settings(DatabaseSettings, os.environ)
    with open_pool(settings.database_url.get_secret_value(), name="waste-fleet", max_size=1) as pool:
        found = PostgresSensors(pool).sensors(options.site)
    silent_after_s = options.silent_after_h * 3600
    troubled = troubled_of(found, silent_after_s)
    print_sensors(troubled if options.troubled else found, silent_after_s, as_json=options.json)
    return 3 if options.fail and troubled else 0


def _status(options: argparse.Namespace) -> int:
    status = _look()
    sys.stdout.write(as_json(status) if options.json else "".join(as_text(status)))
    return 0


def _look() -> FleetStatus:
    settings = read_settings(FleetStatusSettings, os.environ)
    with open_pool(settings.database_url.get_secret_value(), name="waste-fleet", max_size=1) as pool:
        return look(PostgresFleet(pool).status, open_edge_queue(settings))


if __name__ == "__main__":
    sys.exit(main())
