"""`waste db migrate`: bring the database to the newest shape."""

import argparse
import os
import sys
from datetime import UTC, datetime

from sqlalchemy.exc import OperationalError, ProgrammingError

from adapters.environment import read_settings
from adapters.logs import configure_logging
from adapters.settings import DatabaseSettings, LogSettings
from contracts.errors import LedgerUnavailable
from migrations.run import migrate


class MigrationSettings(LogSettings, DatabaseSettings):
    """What a migration is told: DATABASE_URL is the owner's."""


def main(argv: list[str] | None = None) -> int:
    """Run a command of the database."""
    parser = argparse.ArgumentParser(prog="waste db", description="The database's shape.")
    commands = parser.add_subparsers(required=True, metavar="migrate")
    commands.add_parser("migrate", help="apply what is missing and create the coming months' partitions; safe to repeat")
    parser.parse_args(argv)
    settings = read_settings(MigrationSettings, os.environ)
    configure_logging("migrate", settings.log_level, settings.log_format)
    try:
        migrate(settings.database_url.get_secret_value(), datetime.now(UTC).date())
    except (OperationalError, ProgrammingError) as error:
        raise LedgerUnavailable(str(error.orig).split("\n", 1)[0]) from None
    sys.stdout.write("the database has the newest shape\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
