"""`waste fleet sensors` and `status`: the bins and the workers, as the service knows them."""

import argparse
import os
import sys

from adapters.arguments import number_between
from adapters.environment import read_settings
from adapters.postgres import open_pool
from adapters.postgres_fleet import PostgresFleet
from adapters.postgres_sensors import PostgresSensors
from adapters.queues import open_edge_queue
from adapters.settings import DatabaseSettings, QueueSettings
from intake.fleet_sensors import print_sensors, troubled_of
from intake.fleet_status import as_json, as_text, look


class FleetStatusSettings(QueueSettings, DatabaseSettings):
    """Where the ledger and the edge queue are."""


def main(argv: list[str] | None = None) -> int:
    """Run a command on the fleet; exit code 3 if `sensors --fail` finds one silent or events lost."""
    parser = argparse.ArgumentParser(prog="waste fleet", description="The bins and the workers, as the service knows them.")
    commands = parser.add_subparsers(required=True, metavar="sensors|status")
    _add_sensors(commands.add_parser("sensors", help="list sensors: silent ones, lost events"))
    status = commands.add_parser("status", help="workers, what waits for them, and how fast events come and go")
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=_status)
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


def _sensors(options: argparse.Namespace) -> int:
    settings = read_settings(DatabaseSettings, os.environ)
    with open_pool(settings.database_url.get_secret_value(), name="waste-fleet", max_size=1) as pool:
        found = PostgresSensors(pool).sensors(options.site)
    silent_after_s = options.silent_after_h * 3600
    troubled = troubled_of(found, silent_after_s)
    print_sensors(troubled if options.troubled else found, silent_after_s, as_json=options.json)
    return 3 if options.fail and troubled else 0


def _status(options: argparse.Namespace) -> int:
    settings = read_settings(FleetStatusSettings, os.environ)
    with open_pool(settings.database_url.get_secret_value(), name="waste-fleet", max_size=1) as pool:
        status = look(PostgresFleet(pool).status, open_edge_queue(settings))
    sys.stdout.write(as_json(status) if options.json else "".join(as_text(status)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
