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
LOCK_MS = 500
"""Shorter than Postgres' deadlock_timeout: whoever writes is held up no longer, and is never the one that is cancelled."""
_TRIES = 60
_PAUSE_S = 0.5
_WAITING: Mapping[str, LiteralString] = {
    "events are open": "SELECT count(*) FROM events WHERE open AND event_id >= %(first)s AND event_id < %(beyond)s",
    "dead letters are not on their queue": """SELECT count(*) FROM outcomes
        WHERE dead_letter IS NOT NULL AND published_at IS NULL AND event_id >= %(first)s AND event_id < %(beyond)s""",
    "items wait for people": """SELECT count(*) FROM review_items
        WHERE state = 'open' AND event_id >= %(first)s AND event_id < %(beyond)s""",
    "failures wait for people": """SELECT count(*) FROM failures
        WHERE state = 'open' AND event_id >= %(first)s AND event_id < %(beyond)s""",
}
"""What has not ended yet, and keeps its month."""
_IN_NO_LANE = """SELECT count(*) FROM outcomes o
    WHERE o.kind <> 'prediction' AND o.event_id >= %(first)s AND o.event_id < %(beyond)s
        AND NOT EXISTS (SELECT FROM review_items r WHERE r.event_id = o.event_id)
        AND NOT EXISTS (SELECT FROM failure_rounds r WHERE r.event_id = o.event_id
            AND r.decided_at = (o.dead_letter->>'decided_at')::timestamptz)"""
"""Letters that wait on their queue, or were lost there: the drain finds those by their outcomes alone. Looks through a month."""
_PARTS: LiteralString = r"""SELECT c.relname
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
    WHERE p.relname IN ('events', 'outcomes', 'predictions') AND pg_table_is_visible(p.oid) AND pg_table_is_visible(c.oid)
        AND c.relname ~ ('^' || p.relname || '_\d{4}_(0[1-9]|1[0-2])$')"""


def months_around(today: date, first: int, last: int) -> list[date]:
    """Return the first days of the months from `first` to `last`, both within, counted from today's."""
    counts = [divmod(today.year * 12 + today.month - 1 + offset, 12) for offset in range(first, last + 1)]
    return [date(year, month + 1, 1) for year, month in counts]


def create_months(connection: Connection, today: date) -> None:
    """Create the partitions of the months around `today`; raises LockNotAvailable if somebody reads for a minute on end."""
    for month in months_around(today, -1, MONTHS_AHEAD):
        _between_others(connection, partial(connection.execute, "SELECT create_month(%s)", (month,)))


def months_before(connection: Connection, oldest_kept: date) -> list[date]:
    """Return the months that have partitions and are before another, the oldest first."""
    months = {date(int(str(name)[-7:-3]), int(str(name)[-2:]), 1) for (name,) in connection.execute(_PARTS)}
    return sorted(month for month in months if month < oldest_kept)


def parts_missing(connection: Connection, month: date) -> list[str]:
    """Return the names of partitions that this month lacks: not there, detached, or made by hand with other bounds."""
    first, beyond = first_id(connection, month), first_id(connection, months_around(month, 1, 1)[0])
    bounds = f"FOR VALUES FROM ('{first}') TO ('{beyond}')"
    there = {str(name) for (name,) in connection.execute(f"{_PARTS} AND pg_get_expr(c.relpartbound, c.oid) = %s", (bounds,))}
    return [name for name in parts_of(month) if name not in there]


def parts_of(month: date) -> list[str]:
    """Return the names of a month's partitions."""
    return [f"{parent}{month:_%Y_%m}" for parent in PARENTS]


def first_id(connection: Connection, month: date) -> object:
    """Return the least id that an event of this month can have."""
    ((first,),) = connection.execute("SELECT first_event_id(%s::timestamp AT TIME ZONE 'UTC')", (month,)).fetchall()
    return first


def drop_month(connection: Connection, month: date) -> str | None:
    """Drop a month with its events, outcomes and predictions; returns why not, if something in it has not ended.

    Raises LockNotAvailable if somebody reads for a minute on end.
    """
    bounds = {"first": first_id(connection, month), "beyond": first_id(connection, months_around(month, 1, 1)[0])}
    if missing := parts_missing(connection, month):
        return f"{', '.join(missing)} is no partition of this month alone; what is left of it goes by hand"
    # Before any lock: a month that stays costs nobody anything.
    why = _waiting(connection, bounds, {**_WAITING, "dead letters are in no lane": _IN_NO_LANE})
    if why is not None:
        return why
    return _between_others(connection, lambda: _drop(connection, month, bounds))


def _between_others(connection: Connection, act: Callable[[], T]) -> T:
    """Do what needs a lock on whole tables, in a transaction that gives way to who reads and writes, and comes again."""
    for number in range(_TRIES):
        try:
            with connection.transaction():
                connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(LOCK_MS))
                return act()
        except errors.LockNotAvailable:
            if number == _TRIES - 1:
                raise
            time.sleep(_PAUSE_S)
    raise AssertionError


def _drop(connection: Connection, month: date, bounds: Mapping[str, object]) -> str | None:
    parts = parts_of(month)
    # The parents first and without their other months: a month leaves them only while nobody is within.
    connection.execute(sql.SQL("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE").format(_names(PARENTS, ", ONLY ")))
    connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(_names(parts)))
    # Once more behind the locks: what came in between is seen now, and nothing comes in any more.
    why = _waiting(connection, bounds, _WAITING)
    if why is None:
        connection.execute(sql.SQL("DROP TABLE {}").format(_names(parts)))
    return why


def _names(tables: Sequence[str], between: LiteralString = ", ") -> sql.Composed:
    return sql.SQL(between).join(sql.Identifier(one) for one in tables)


def _waiting(connection: Connection, bounds: Mapping[str, object], queries: Mapping[str, LiteralString]) -> str | None:
    for says, query in queries.items():
        ((count,),) = connection.execute(query, bounds).fetchall()
        if count:
            return f"{count} {says}"
    return None
