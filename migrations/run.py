"""Bring a database to the newest shape, and make its months ahead."""

from datetime import date
from pathlib import Path

from alembic import command, op
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

_HERE = Path(__file__).parent
MONTHS_AHEAD = 3


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
        create_months(connection, today)
        connection.execute(text("SELECT pg_advisory_unlock(hashtext('waste-migrate'))"))
        connection.commit()


def create_months(connection: Connection, today: date) -> None:
    """Create the partitions of the months around `today`."""
    for offset in range(-1, MONTHS_AHEAD + 1):
        year, month = divmod(today.year * 12 + today.month - 1 + offset, 12)
        connection.execute(text("SELECT create_month(:month)"), {"month": date(year, month + 1, 1)})
        connection.commit()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _driver_url(database_url: str) -> str:
    scheme, _, rest = database_url.partition("://")
    return f"{scheme.split('+')[0]}+psycopg://{rest}".replace("postgres+", "postgresql+")
