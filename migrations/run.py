"""Bring a database to the newest shape, and make its months ahead."""

from datetime import date
from pathlib import Path

import psycopg
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from migrations.months import PARENTS, create_months, months_around

_HERE = Path(__file__).parent


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
        command.upgrade(_config(connection), "head")
        with psycopg.connect(database_url, autocommit=True) as plain:
            create_months(plain, today)
        connection.execute(text("SELECT pg_advisory_unlock(hashtext('waste-migrate'))"))
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
        there = {name for (name,) in connection.execute(text("SELECT relname FROM pg_class WHERE relkind = 'r'"))}
        wanted = [f"{table}_{month:%Y_%m}" for month in months_around(today, 0, 1) for table in PARENTS]
        return [f"there is no partition {name}: waste db migrate" for name in wanted if name not in there]


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _driver_url(database_url: str) -> str:
    scheme, _, rest = database_url.partition("://")
    return f"{scheme.split('+')[0]}+psycopg://{rest}".replace("postgres+", "postgresql+")
