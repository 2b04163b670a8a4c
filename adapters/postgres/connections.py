"""Connections to Postgres, and its errors in the fleet's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from contracts.errors import EventInvalid, LedgerUnavailable

HEARTBEAT_SILENCE_S = 7.0
"""A worker that has not renewed its heartbeat for this long is gone, and its leases are free."""

RESTART_GRACE_S = 10.0
"""For this long after a start of Postgres nobody counts as silent: nobody could have renewed anything."""

MARK_PUBLISHED = "UPDATE outcomes SET published_at = now() WHERE event_id = ANY(%s) AND published_at IS NULL"
"""Shared by whoever publishes dead letters: intake, workers, the reconciler."""

Pool = ConnectionPool[Connection[TupleRow]]

_CONNECTION: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": 3,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "options": "-c statement_timeout=15s -c idle_in_transaction_session_timeout=30s -c timezone=UTC",
}


def open_pool(database_url: str, *, name: str, max_size: int = 4) -> Pool:
    """Return a pool that connects by itself when Postgres is there; opening it never waits."""
    return ConnectionPool(
        database_url,
        min_size=1,
        max_size=max_size,
        name=name,
        timeout=5.0,
        reconnect_timeout=5.0,
        connection_class=_remembering(),
        kwargs=_CONNECTION | {"application_name": name},
        check=None,
        open=True,
    )


def _remembering() -> type[Connection[TupleRow]]:
    # A pool says that nothing came in time; why is what its last try to connect was told.
    class Remembering(Connection[TupleRow]):
        refusal = ""

        @classmethod
        def connect(cls, *arguments: Any, **options: Any) -> Any:
            try:
                made = super().connect(*arguments, **options)
            except psycopg.Error as error:
                Remembering.refusal = _first_line(error)
                raise
            Remembering.refusal = ""
            return made

    return Remembering


@contextmanager
def connected(pool: Pool) -> Iterator[Connection[TupleRow]]:
    """Lend a connection.

    Raises LedgerUnavailable for whatever may pass (also deadlocks, full disks, shutdowns) and EventInvalid for a value
    that Postgres cannot store. Other errors are faults of ours and stay what they are.
    """
    try:
        with pool.connection() as connection:
            yield connection
    except (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded) as error:
        raise EventInvalid("event", f"cannot be stored: {_first_line(error)}") from error
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction) as error:
        raise LedgerUnavailable(f"{_first_line(error)}; is the database on the newest shape (waste db migrate)?") from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise LedgerUnavailable(f"{_first_line(error)}; is this the login of the right role?") from error
    except (PoolTimeout, PoolClosed, TooManyRequests) as error:
        raise LedgerUnavailable(getattr(pool.connection_class, "refusal", "") or _first_line(error)) from error
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError) as error:
        raise LedgerUnavailable(_first_line(error)) from error


@contextmanager
def patient(pool: Pool) -> Iterator[Connection[TupleRow]]:
    """Lend a connection as `connected` does, in a transaction whose statements may take ten minutes.

    For the slow loop alone: what sums up days of a large fleet, on a machine that has other work, too, is slower than anything
    that an event may wait for.
    """
    with connected(pool) as connection, connection.transaction():
        connection.execute("SET LOCAL statement_timeout = '10min'")
        yield connection


def ping(pool: Pool) -> None:
    """Ask Postgres for a sign of life; raises LedgerUnavailable."""
    with connected(pool) as connection:
        connection.execute("SELECT 1")


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).split("\n", 1)[0][:200]
