"""`waste db migrate` and `logins`: the database's newest shape, and who may enter it."""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from sqlalchemy.exc import OperationalError, ProgrammingError

from adapters.environment import read_settings
from adapters.logs import configure_logging
from adapters.settings import DatabaseSettings, LogSettings
from contracts.errors import LedgerUnavailable, SettingsInvalid
from migrations.logins import LOGINS, ensure_login
from migrations.run import faults, migrate

_SHORTEST = 12


class MigrationSettings(LogSettings, DatabaseSettings):
    """What a migration is told: DATABASE_URL is the owner's."""


def main(argv: list[str] | None = None) -> int:
    """Run a command of the database."""
    options = _parser().parse_args(argv)
    settings = read_settings(MigrationSettings, os.environ)
    configure_logging("migrate", settings.log_level, settings.log_format)
    try:
        said: str = options.run(options, settings.database_url.get_secret_value())
    except (OperationalError, ProgrammingError) as error:
        raise LedgerUnavailable(str(error.orig).split("\n", 1)[0]) from None
    sys.stdout.write(f"{said}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="waste db", description="The database's shape, and who may enter it.")
    commands = parser.add_subparsers(required=True, metavar="migrate|check|logins")
    shape = commands.add_parser("migrate", help="apply what is missing and create the coming months' partitions; safe to repeat")
    shape.set_defaults(run=_migrate)
    checked = commands.add_parser("check", help="say whether the database has the shape that this code needs; changes nothing")
    checked.set_defaults(run=_check)
    logins = commands.add_parser("logins", help="have each program's login exist, with its password; safe to repeat")
    logins.add_argument("folder", type=Path, metavar="DIR", help=f"holds a file with the password of each of {', '.join(LOGINS)}")
    logins.set_defaults(run=_logins)
    return parser


def _migrate(_: argparse.Namespace, database_url: str) -> str:
    migrate(database_url, datetime.now(UTC).date())
    return "the database has the newest shape"


def _check(_: argparse.Namespace, database_url: str) -> str:
    found = faults(database_url, datetime.now(UTC).date())
    if found:
        raise SettingsInvalid("; ".join(found))
    return "the database has the newest shape"


def _logins(options: argparse.Namespace, database_url: str) -> str:
    passwords = {program: _password(options.folder / program) for program in LOGINS}
    try:
        with psycopg.connect(database_url) as connection:
            for program, password in passwords.items():
                ensure_login(connection, program, password)
    except psycopg.Error as error:
        raise LedgerUnavailable(str(error).split("\n", 1)[0]) from None
    return f"{len(passwords)} programs may enter the database"


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
