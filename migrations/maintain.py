"""What a ledger needs from time to time: months ahead, the end of months past their retention, statistics of whole tables."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import psycopg
from psycopg import errors, sql

from migrations.months import PARENTS, Connection, create_months, drop_month, first_id, months_around, months_before

LEAST_MONTHS = 3
"""Labels come weeks late and look back for weeks, and events may be 30 days old: younger months are in use."""
_BESIDE = ("event_conflicts", "failure_rounds", "redriven_outcomes", "shadow_predictions")
"""Tables whose rows say something of an event and nothing without it. Labels, ground truth and items of people are kept."""
_ROLLUP_DAYS = 400
"""A year to compare with, and a month. Days of the whole fleet (`decision_days`) are few and stay."""
_ROLLUPS = {"sensor_counts": "day", "decision_hours": "hour", "worker_hours": "hour"}


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done: the months that went, and why others that are past their retention did not."""

    dropped: list[date] = field(default_factory=list)
    kept: dict[date, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Say it in a line for each month."""
        lines = [f"{month:%Y-%m} has gone" for month in self.dropped]
        lines += [f"{month:%Y-%m} stays: {why}" for month, why in self.kept.items()]
        return "\n".join(lines) or "no month was past its retention"


def maintain(database_url: str, today: date, keep_months: int | None) -> Maintained:
    """Create the coming months, drop those before the last `keep_months` (None: none), and see to the parents' statistics.

    A month goes whole, with its events, outcomes and predictions, or stays whole: it stays while anything in it has not ended.
    Rollups by sensor and by hour go when they are older than 400 days.
    Killed at any moment and begun again, it ends the same.
    """
    done = Maintained()
    with psycopg.connect(database_url, autocommit=True) as connection:
        # One at a time, as with migrations.
        connection.execute("SELECT pg_advisory_lock(hashtext('waste-migrate'))")
        create_months(connection, today)
        if keep_months is not None:
            oldest_kept = months_around(today, 1 - max(keep_months, LEAST_MONTHS), 0)[0]
            _drop_before(connection, oldest_kept, done)
            _forget_beside(connection, oldest_kept)
        _forget_rollups(connection, today - timedelta(days=_ROLLUP_DAYS))
        for parent in PARENTS:
            connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(parent)))
    return done


def _drop_before(connection: Connection, oldest_kept: date, done: Maintained) -> None:
    months = months_before(connection, oldest_kept)
    for month in months:
        try:
            why = drop_month(connection, month)
        except errors.LockNotAvailable:
            # Whoever reads for so long holds every month up, and each try holds others up.
            done.kept.update(dict.fromkeys(months[months.index(month) :], "the ledger is too busy; try again later"))
            return
        if why is None:
            done.dropped.append(month)
        else:
            done.kept[month] = why


def _forget_beside(connection: Connection, oldest_kept: date) -> None:
    first = first_id(connection, oldest_kept)
    for beside in _BESIDE:
        connection.execute(
            sql.SQL(
                "DELETE FROM {0} WHERE {0}.event_id < %s AND NOT EXISTS (SELECT FROM events e WHERE e.event_id = {0}.event_id)"
            ).format(sql.Identifier(beside)),
            (first,),
        )


def _forget_rollups(connection: Connection, oldest_kept: date) -> None:
    bounds = {"day": oldest_kept, "hour": datetime.combine(oldest_kept, time(), UTC)}
    for table, column in _ROLLUPS.items():
        names = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
        oldest = sql.SQL("SELECT min({column}) FROM {table} WHERE {column} < %s").format(**names)
        # A day or an hour at a time: who counts meanwhile waits for no long transaction.
        delete = sql.SQL("DELETE FROM {table} WHERE {column} = %s").format(**names)
        while (row := connection.execute(oldest, (bounds[column],)).fetchone()) and row[0] is not None:
            connection.execute(delete, row)
