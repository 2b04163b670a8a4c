"""Months of the ledger: the partitions of its three great tables, made ahead and dropped whole."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import LiteralString, TypeVar

import psycopg
from psycopg import errors, sql

T = TypeVar("T")
Connection = psycopg.Connection[tuple[object, ...]]
PARENTS = ("events", "outcomes", "predictions")
MONTHS_AHEAD = 3
_LOCK_MS = 500
"""Shorter than Postgres' deadlock_timeout: whoever writes is held up no longer, and is never the one that is cancelled."""
_TRIES = 60
_PAUSE_S = 0.5
_WAITING = {
    "events are open": "SELECT count(*) FROM events WHERE open AND event_id >= %(first)s AND event_id < %(beyond)s",
    "dead letters are not on their queue": """SELECT count(*) FROM outcomes
        WHERE dead_letter IS NOT NULL AND published_at IS NULL AND event_id >= %(first)s AND event_id < %(beyond)s""",
    "items wait for people": """SELECT count(*) FROM review_items
        WHERE state = 'open' AND event_id >= %(first)s AND event_id < %(beyond)s""",
    "failures wait for people": """SELECT count(*) FROM failures
        WHERE state = 'open' AND event_id >= %(first)s AND event_id < %(beyond)s""",
}
"""What has not ended yet, and keeps its month."""


def months_around(today: date, first: int, last: int) -> list[date]:
    """Return the first days of the months from `first` to `last`, both within, counted from today's."""
    counts = [divmod(today.year * 12 + today.month - 1 + offset, 12) for offset in range(first, last + 1)]
    return [date(year, month + 1, 1) for year, month in counts]


def create_months(connection: Connection, today: date) -> None:
    """Create the partitions of the months around `today`; raises LockNotAvailable if somebody reads for half a minute on end."""
    for month in months_around(today, -1, MONTHS_AHEAD):
        _between_others(connection, partial(connection.execute, "SELECT create_month(%s)", (month,)))


def months_before(connection: Connection, oldest_kept: date) -> list[date]:
    """Return the months that have partitions and are before another, the oldest first."""
    found = connection.execute(r"SELECT right(relname, 7) FROM pg_class WHERE relkind = 'r' AND relname ~ '^events_\d{4}_\d{2}$'")
    months = sorted(date(int(str(name)[:4]), int(str(name)[5:]), 1) for (name,) in found)
    return [month for month in months if month < oldest_kept]


def first_id(connection: Connection, month: date) -> object:
    """Return the least id that an event of this month can have."""
    ((first,),) = connection.execute("SELECT first_event_id(%s::timestamp AT TIME ZONE 'UTC')", (month,)).fetchall()
    return first


def drop_month(connection: Connection, month: date) -> str | None:
    """Drop a month with its events, outcomes and predictions; returns why not, if something in it has not ended."""
    bounds = {"first": first_id(connection, month), "beyond": first_id(connection, months_around(month, 1, 1)[0])}
    # Before any lock: a month that stays costs nobody anything.
    why = _waiting(connection, bounds)
    if why is not None:
        return why
    try:
        return _between_others(connection, lambda: _drop(connection, month, bounds))
    except errors.LockNotAvailable:
        return "the ledger is too busy; try again later"


def _between_others(connection: Connection, act: Callable[[], T]) -> T:
    """Do what needs a lock on whole tables, in a transaction that gives way to who reads and writes, and comes again."""
    for number in range(_TRIES):
        try:
            with connection.transaction():
                connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(_LOCK_MS))
                return act()
        except errors.LockNotAvailable:
            if number == _TRIES - 1:
                raise
            time.sleep(_PAUSE_S)
    raise AssertionError


def _drop(connection: Connection, month: date, bounds: Mapping[str, object]) -> str | None:
    parts = [f"{parent}{month:_%Y_%m}" for parent in PARENTS]
    # The parents first and without their other months: a month leaves them only while nobody is within.
    connection.execute(sql.SQL("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE").format(_names(PARENTS, ", ONLY ")))
    connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(_names(parts)))
    # Once more behind the locks: what came in between is seen now, and nothing comes in any more.
    why = _waiting(connection, bounds)
    if why is None:
        connection.execute(sql.SQL("DROP TABLE {}").format(_names(parts)))
    return why


def _names(tables: Sequence[str], between: LiteralString = ", ") -> sql.Composed:
    return sql.SQL(between).join(sql.Identifier(one) for one in tables)


def _waiting(connection: Connection, bounds: Mapping[str, object]) -> str | None:
    for says, query in _WAITING.items():
        ((count,),) = connection.execute(query, bounds).fetchall()
        if count:
            return f"{count} {says}"
    return None
