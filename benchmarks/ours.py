"""The fleet as it is shipped: real queue, real ledger with durable commits, real object store, on the same cores."""

import time
from typing import LiteralString

import psycopg

from benchmarks.load import Load
from local.fleet import LocalFleet

_POLL_S = 1.0
_PATIENCE_S = 60.0
_WARM_UP_S = 6.0

# Between the first and the last tenth: neither the start of the programs nor the idling at the end is the drain rate.
_RATE = """
SELECT 0.8 * count(*) / extract(epoch FROM
    percentile_disc(0.9) WITHIN GROUP (ORDER BY decided_at) - percentile_disc(0.1) WITHIN GROUP (ORDER BY decided_at))
FROM outcomes WHERE decided_at > %s
"""
_WINDOW_RATE = """
SELECT count(*) / extract(epoch FROM max(decided_at) - min(decided_at)), %s - (SELECT count(*) FROM outcomes)
FROM outcomes WHERE decided_at > %s
"""
_COUNT = "SELECT count(*) FROM outcomes"


def measure_drain(fleet: LocalFleet, load: Load, events: int, *, window_s: float | None = None) -> float:
    """Return the events/s of draining a backlog of `events`; with `window_s` only that long, and the rest is thrown away."""
    for name in fleet.supervisor.alive():
        fleet.supervisor.stop(name, 25)
    load.enqueue(events)
    with psycopg.connect(fleet.stack.postgres.url("waste"), autocommit=True) as connection:
        (began, before) = connection.execute("SELECT now(), (SELECT count(*) FROM outcomes)").fetchone() or (None, 0)
        for name in fleet.role_names():
            fleet.start_role(name)
        if window_s is None:
            await_rows(connection, _COUNT, before + events)
            (rate,) = connection.execute(_RATE, (began,)).fetchone() or (0.0,)
            return float(rate)
        return _rate_of_a_window(fleet, load, connection, window_s, before + events)


def _rate_of_a_window(
    fleet: LocalFleet, load: Load, connection: psycopg.Connection[tuple[object, ...]], window_s: float, total: int
) -> float:
    (before,) = connection.execute(_COUNT).fetchone() or (0,)
    while count_outcomes(connection) == before:
        time.sleep(0.1)
    time.sleep(min(_WARM_UP_S, window_s / 3))
    (started,) = connection.execute("SELECT clock_timestamp()").fetchone() or (None,)
    time.sleep(window_s)
    (rate, left) = connection.execute(_WINDOW_RATE, (total, started)).fetchone() or (0.0, 0)
    assert left > 0, "the backlog ended within the window"  # noqa: S101 - a window must be shorter than the drain
    for name in fleet.role_names():
        fleet.supervisor.stop(name, 25)
    load.throw_away()
    connection.execute("DELETE FROM events WHERE open")
    return float(rate)


def count_outcomes(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    """Return how many events have been decided in all."""
    (count,) = connection.execute(_COUNT).fetchone() or (0,)
    assert isinstance(count, int)  # noqa: S101 - what count(*) is
    return count


def measure_ready_s(fleet: LocalFleet, name: str) -> float:
    """Return the seconds from a worker's start to its readiness."""
    fleet.supervisor.stop(name, 25)
    started = time.monotonic()
    fleet.start_role(name)
    while fleet.ready(name):
        time.sleep(0.02)
    return round(time.monotonic() - started, 2)


def await_rows(connection: psycopg.Connection[tuple[object, ...]], count: LiteralString, total: int) -> None:
    """Wait until the query `count` answers `total`; raises TimeoutError when it has not grown for a minute."""
    seen, moved_at = -1, time.monotonic()
    while seen < total:
        time.sleep(_POLL_S)
        (now,) = connection.execute(count).fetchone() or (0,)
        assert isinstance(now, int)  # noqa: S101 - what count(*) is
        if now != seen:
            seen, moved_at = now, time.monotonic()
        if time.monotonic() - moved_at > _PATIENCE_S:
            raise TimeoutError(f"{seen} of {total}, and no more for {_PATIENCE_S:g} s")
