"""Bring a database to the newest shape, and make its months ahead."""

import time
from datetime import date
from pathlib import Path

import psycopg
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import errors
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from migrations.months import LOCK_MS, create_months, months_around, parts_missing

_HERE = Path(__file__).parent
_TRIES = 120
_PAUSE_S = 2.0
"""Four minutes and more: a backup of a small ledger ends in that time, and whoever deploys does not wait for ever."""


def execute_file(name: str) -> None:
    """Run a file of hand-written SQL inside a migration."""
    op.get_bind().exec_driver_sql((_HERE / "versions" / name).read_text("utf-8").replace("%", "%%"))


def migrate(database_url: str, today: date) -> None:
    """Apply what is missing and create the partitions from last month to `MONTHS_AHEAD`; repetition changes nothing."""
    engine = create_engine(_driver_url(database_url), poolclass=NullPool)
    with engine.connect() as connection:
        # Two deployments at once: the second waits here and finds nothing to do.
        connection.execute(text("SELECT pg_advisory_lock(hashtext('waste-migrate'))"))
        connection.commit()
        _upgrade(connection)
        with psycopg.connect(database_url, autocommit=True) as plain:
            create_months(plain, today)
        connection.execute(text("SELECT pg_advisory_unlock(hashtext('waste-migrate'))"))
        connection.commit()


def _upgrade(connection: Connection) -> None:
    """Apply what is missing, giving way to who reads and writes: behind a lock that is waited for, all others wait as well."""
    for number in range(_TRIES):
        # Not before: whoever comes second waits for its turn as long as it takes.
        connection.execute(text(f"SET lock_timeout = {LOCK_MS}"))
        connection.commit()
        try:
            command.upgrade(_config(connection), "head")
            break
        except OperationalError as error:
            connection.rollback()
            if not isinstance(error.orig, errors.LockNotAvailable) or number == _TRIES - 1:
                raise
            time.sleep(_PAUSE_S)
    connection.execute(text("RESET lock_timeout"))
    connection.commit()


def faults(database_url: str, today: date) -> list[str]:
    """Return in what the database falls short of the shape that this code needs; nothing of it is changed."""
    engine = create_engine(_driver_url(database_url), poolclass=NullPool)
    with engine.connect() as connection:
        config = _config(connection)
        newest = ScriptDirectory.from_config(config).get_current_head()
        found = MigrationContext.configure(connection).get_current_revision()
        if found != newest:
            return [f"its shape is {found or 'none'}, and this code needs {newest}: waste db migrate"]
    with psycopg.connect(database_url, autocommit=True) as plain:
        missing = [name for month in months_around(today, 0, 1) for name in parts_missing(plain, month)]
        return [_lacks(plain, name) for name in missing]


def _lacks(connection: psycopg.Connection[tuple[object, ...]], part: str) -> str:
    ((there,),) = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (part,)).fetchall()
    if there:
        return f"{part} is there, and no partition of this month alone: rename it, then waste db migrate"
    return f"there is no partition {part}: waste db migrate"


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _driver_url(database_url: str) -> str:
    scheme, _, rest = database_url.partition("://")
    return f"{scheme.split('+')[0]}+psycopg://{rest}".replace("postgres+", "postgresql+")
