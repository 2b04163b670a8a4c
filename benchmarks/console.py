"""How long the server takes for each page of the console, on a ledger of many millions of events that SQL has made.

`python -m benchmarks.console --events 10000000`: its own Postgres, half an hour of a machine's time and ten gigabytes of its disk.
Each request is made with nothing remembered from the one before.
"""

import argparse
import gc
import http.client
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psycopg

from adapters.postgres.rollups import PostgresRollups
from contracts.accounts import Role
from contracts.categories import CATEGORIES
from local.stack import Stack
from migrations.run import migrate
from tests.desk_house import House, Served

DAYS = 28
LIMIT_MS = 100.0
_WARMING = 3
"""Requests that are not counted: a page's first one compiles its template."""
_HERE = Path(__file__).parent


def main() -> int:
    """Make the rows, count them, ask for each page, and print a table; 1 if a page is slower than its limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.console", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--sensors", type=int, default=20_000)
    parser.add_argument("--requests", type=int, default=200, help="of each page")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="waste-console-") as folder:
        stack = Stack(Path(folder) / "services", durable=False)
        stack.start()
        try:
            return _measure(stack, Path(folder), options)
        finally:
            stack.kill()


def _measure(stack: Stack, folder: Path, options: argparse.Namespace) -> int:
    stack.postgres.create_database("bench")
    url = stack.postgres.url("bench")
    migrate(url, datetime.now(UTC).date())
    with psycopg.connect(url, autocommit=True) as sql:
        _make(sql, options)
        house = House(stack, url, sql, folder)
        _count(house)
        for statement in (_HERE / "console_rest.sql").read_text("utf-8").split(";\n"):
            if statement.strip():
                sql.execute(statement)
        sql.execute("VACUUM ANALYZE")
        house.picture("bin-00001/1.jpg")
        served = Served(house)
        try:
            return _ask(house, served.url, options.requests)
        finally:
            served.stop()
            house.close()


def _make(sql: psycopg.Connection, options: argparse.Namespace) -> None:
    began, parts = time.monotonic(), DAYS * 4
    ((now,),) = sql.execute("SELECT now() - interval '70 s'").fetchall()
    sql.execute("SET work_mem = '256MB'; SET synchronous_commit = off")
    for month in (1, 0):
        sql.execute("SELECT create_month((now() - make_interval(months => %s))::date)", (month,))
    made = (_HERE / "console_part.sql").read_text("utf-8")
    span = DAYS * 86_400 / options.events
    for part in range(parts):
        first, last = options.events * part // parts, options.events * (part + 1) // parts
        values = {"first": first, "last": last, "step": span, "sensors": options.sensors, "categories": list(CATEGORIES)}
        begin = now.timestamp() - DAYS * 86_400 + first * span
        sql.execute(made, values | {"begin": datetime.fromtimestamp(begin, UTC), "per_model": max(1, options.events // 6)})
        _say(f"{last:,} events made in {time.monotonic() - began:.0f} s")
    sql.execute("VACUUM ANALYZE")


def _count(house: House) -> None:
    house.sql.execute(
        "UPDATE rolling SET seen_through = now() - make_interval(days => %s), mark_at = NULL, mark_xid = NULL", (DAYS + 1,)
    )
    rollups, began, longest, rounds = PostgresRollups(house.pools["review"], CATEGORIES, grace_s=0.0), time.monotonic(), 0.0, 0
    for _ in range(2):
        more = True
        while more:
            at = time.monotonic()
            more = rollups.roll()
            longest, rounds = max(longest, time.monotonic() - at), rounds + 1
    took = time.monotonic() - began
    ((counted,),) = house.sql.execute("SELECT sum(decided) FROM decision_hours").fetchall()
    _say(
        f"{counted:,} outcomes counted in {took:.0f} s, {counted / took:,.0f} a second, in {rounds} rounds, "
        f"the longest of {longest:.1f} s"
    )
    began = time.monotonic()
    for _ in range(61):
        rollups.count_labels()
    _say(f"labels of sixty days counted in {time.monotonic() - began:.0f} s")


def _pages(house: House) -> Iterator[str]:
    ((event, sensor),) = house.sql.execute(
        "SELECT event_id, sensor_id FROM outcomes WHERE kind = 'review' ORDER BY decided_at DESC LIMIT 1"
    ).fetchall()
    yield from ("/console", "/console?minutes=1440", "/console?minutes=4320", "/api/v1/console/fleet?minutes=60")
    yield from (
        "/console/model?days=2",
        "/console/model?days=7",
        "/console/model?days=30",
        "/console/model?days=90",
        "/api/v1/console/model?days=30",
    )
    yield from ("/console/models", "/console/models/promote?version=model-3", "/console/sensors", "/console/sensors?trouble=gaps")
    yield from (
        "/console/sensors?text=site-7",
        f"/console/sensors/{sensor}",
        f"/api/v1/console/sensors/{sensor}",
        f"/console/events/{event}",
    )
    yield from (
        "/console/search?q=bin-01",
        "/console/search?category=glass&kind=review",
        "/console/search?model=model-5",
        f"/console/search?sensor={sensor}",
    )


def _ask(house: House, url: str, requests: int) -> int:
    account = house.account("olga", Role.OPS)
    token = house.desk.accounts.issue("session", account.account_id, 36_000)
    write = sys.stdout.write
    gc.collect()
    gc.freeze()  # as `waste dlq serve` does
    server = http.client.HTTPConnection(url.removeprefix("http://"))
    slow = 0
    write("| page | median | 99 % | KB |\n| --- | ---: | ---: | ---: |\n")
    for page in _pages(house):
        took, size = [], 0
        for number in range(-_WARMING, requests):
            house.room.lately.forget()
            at = time.perf_counter()
            server.request("GET", page, headers={"cookie": f"waste-desk={token}"})
            answer = server.getresponse()
            size = len(answer.read())
            took += [(time.perf_counter() - at) * 1000] if number >= 0 else []
            if answer.status != 200:
                sys.exit(f"{page}: {answer.status}")
        worst = sorted(took)[int(len(took) * 0.99) - 1]
        slow += worst >= LIMIT_MS
        shown = page.split("/console/events/")[0] + "/console/events/ID" if "/events/" in page else page
        write(f"| `{shown}` | {median(took):.0f} ms | {worst:.0f} ms | {size / 1000:.0f} |\n")
    return 1 if slow else 0


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    os.environ.setdefault("LOG_LEVEL", "warning")
    sys.exit(main())
