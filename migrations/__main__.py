"""`waste db`: the database's newest shape, what it needs from time to time, and who may enter it."""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import psycopg
from pydantic import Field
from sqlalchemy.exc import OperationalError, ProgrammingError

from adapters.environment import read_settings
from adapters.settings import DatabaseSettings, LogSettings
from adapters.stopping import stop_on_signals
from adapters.telemetry.logs import configure_logging
from contracts.errors import LedgerUnavailable, SettingsInvalid
from migrations.logins import LOGINS, ensure_login
from migrations.maintain import LEAST_MONTHS, maintain
from migrations.run import faults, migrate

_SHORTEST = 12


class MigrationSettings(LogSettings, DatabaseSettings):
    """What a migration is told: DATABASE_URL is the owner's."""

    ledger_months: Annotated[int | None, Field(alias="LEDGER_MONTHS", ge=LEAST_MONTHS, le=1200)] = None
    """How many months of events are kept, this one too; without it nothing is dropped."""


def main(argv: list[str] | None = None) -> int:
    """Run a command of the database."""
    options = _parser().parse_args(argv)
    settings = read_settings(MigrationSettings, os.environ)
    configure_logging("migrate", settings.log_level, settings.log_format)
    try:
        said: str = options.run(options, settings)
    except (OperationalError, ProgrammingError) as error:
        raise LedgerUnavailable(_told(error.orig)) from None
    except psycopg.Error as error:
        raise LedgerUnavailable(_told(error)) from None
    sys.stdout.write(f"{said}\n")
    return 0


def _told(error: BaseException | None) -> str:
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return "somebody has been at its tables for minutes (a backup, a long query?): try again when that has ended"
    return str(error).split("\n", 1)[0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="waste db", description="The database's shape, and who may enter it.")
    commands = parser.add_subparsers(required=True, metavar="migrate|check|maintain|logins")
    shape = commands.add_parser("migrate", help="apply what is missing and create the coming months' partitions; safe to repeat")
    shape.set_defaults(run=_migrate)
    checked = commands.add_parser("check", help="say whether the database has the shape that this code needs; changes nothing")
    checked.set_defaults(run=_check)
    months = commands.add_parser(
        "maintain",
        help="create the coming months' partitions, drop those past LEDGER_MONTHS in which all has ended; safe to repeat",
    )
    months.add_argument("--every", type=float, metavar="HOURS", help="do it again and again, until SIGTERM")
    months.set_defaults(run=_maintain)
    logins = commands.add_parser("logins", help="have each program's login exist, with its password; safe to repeat")
    logins.add_argument("folder", type=Path, metavar="DIR", help=f"holds a file with the password of each of {', '.join(LOGINS)}")
    logins.set_defaults(run=_logins)
    return parser


def _migrate(_: argparse.Namespace, settings: MigrationSettings) -> str:
    migrate(_url(settings), datetime.now(UTC).date())
    return "the database has the newest shape"


def _check(_: argparse.Namespace, settings: MigrationSettings) -> str:
    found = faults(_url(settings), datetime.now(UTC).date())
    if found:
        raise SettingsInvalid("; ".join(found))
    return "the database has the newest shape"


def _maintain(options: argparse.Namespace, settings: MigrationSettings) -> str:
    stop = stop_on_signals()
    while True:
        said = str(maintain(_url(settings), datetime.now(UTC).date(), settings.ledger_months))
        if options.every is None:
            return said
        sys.stdout.write(f"{said}\n")
        sys.stdout.flush()
        if stop.wait(options.every * 3600):
            return "stopped"


def _logins(options: argparse.Namespace, settings: MigrationSettings) -> str:
    passwords = {program: _password(options.folder / program) for program in LOGINS}
    with psycopg.connect(_url(settings)) as connection:
        for program, password in passwords.items():
            ensure_login(connection, program, password)
    return f"{len(passwords)} programs may enter the database"


def _url(settings: MigrationSettings) -> str:
    return settings.database_url.get_secret_value()


def _password(path: Path) -> str:
    try:
        password = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path}: cannot be read: {error}") from None
    if len(password) < _SHORTEST:
        raise SettingsInvalid(f"{path}: a password has at least {_SHORTEST} characters")
    return password


if __name__ == "__main__":
    sys.exit(main())
