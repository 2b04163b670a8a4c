"""`waste dlq drain|list|show|depth`: settings -> adapters -> run."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from adapters.arguments import integer_between
from adapters.health import Health, serve_health
from adapters.logs import clean, configure_logging
from adapters.loops import READY, run_until_stopped, stop_on_signals
from adapters.postgres import open_pool
from adapters.postgres_review import LANES, PostgresReviewDesk
from adapters.queues import open_dead_letter_queue
from adapters.settings import DatabaseSettings, LogSettings, QueueSettings, read_settings
from adapters.telemetry import FleetTelemetry
from dlq_review.drain import DeadLetterDrain

_GATHER_S = 0.25


class ReviewSettings(LogSettings, QueueSettings, DatabaseSettings):
    """What the review desk is told."""


def main(argv: list[str] | None = None) -> int:
    """Run a command of the dead-letter queue."""
    options = _parser().parse_args(argv)
    settings = read_settings(ReviewSettings, os.environ)
    configure_logging("dlq-review", settings.log_level, settings.log_format)
    pool = open_pool(settings.database_url.get_secret_value(), name="waste-review", max_size=2)
    try:
        return int(options.run(options, settings, PostgresReviewDesk(pool)))
    finally:
        pool.close(timeout=3)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="waste dlq", description="What the model was unsure of, and what could not be processed.")
    commands = parser.add_subparsers(required=True, metavar="drain|list|show|depth")
    drain = commands.add_parser("drain", help="move dead letters from their queue to the review desk")
    drain.add_argument("--once", action="store_true", help="end when the queue is empty")
    drain.set_defaults(run=_drain)
    listing = commands.add_parser("list", help="list what waits for people, oldest first")
    listing.add_argument("--lane", choices=list(LANES), default="review")
    listing.add_argument("--reason")
    listing.add_argument("--sensor")
    listing.add_argument("--limit", type=integer_between(0, 1_000_000), default=50, help="(default: 50)")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=_list)
    show = commands.add_parser("show", help="show everything known of one item")
    show.add_argument("event_id", type=UUID)
    show.set_defaults(run=_show)
    depth = commands.add_parser("depth", help="count what is on the queue and in the lanes")
    depth.add_argument("--json", action="store_true")
    depth.set_defaults(run=_depth)
    return parser


def _drain(options: argparse.Namespace, settings: ReviewSettings, desk: PostgresReviewDesk) -> int:
    telemetry = FleetTelemetry()
    drain = DeadLetterDrain(open_dead_letter_queue(settings), desk, lambda: datetime.now(UTC), telemetry, gather_s=_GATHER_S)
    if options.once:
        while drain.take_one(wait_s=0):
            pass
        return 0
    stop, health = stop_on_signals(), Health(READY)
    stop_serving = serve_health(health, settings.health_host, settings.health_port)
    run_until_stopped(drain.take_one, stop, health, telemetry)
    stop_serving()
    return 0


def _list(options: argparse.Namespace, _: ReviewSettings, desk: PostgresReviewDesk) -> int:
    rows = desk.waiting(options.lane, reason=options.reason, sensor_id=options.sensor, limit=options.limit)
    if options.json:
        _print_json(rows)
    else:
        _print_table(rows)
        if rows and len(rows) == options.limit:
            sys.stderr.write(f"the oldest {len(rows)}; --limit shows more, waste dlq depth counts them\n")
    return 0


def _show(options: argparse.Namespace, _: ReviewSettings, desk: PostgresReviewDesk) -> int:
    item = desk.show(str(options.event_id))
    if item is None:
        sys.stderr.write(f"waste dlq show: no item {options.event_id} in either lane\n")
        return 1
    _print_json(item)
    return 0


def _depth(options: argparse.Namespace, settings: ReviewSettings, desk: PostgresReviewDesk) -> int:
    queue = open_dead_letter_queue(settings).depth()
    counts = desk.counts()
    if options.json:
        _print_json({"queue": {"waiting": queue.waiting, "leased": queue.leased}, **counts})
        return 0
    sys.stdout.write(f"queue     {queue.waiting:7} waiting, {queue.leased} leased\n")
    for lane, reasons in counts.items():
        detail = ", ".join(f"{clean(reason)} {count}" for reason, count in reasons.items())
        sys.stdout.write(f"{lane:9} {sum(reasons.values()):7} open{': ' if detail else ''}{detail}\n")
    return 0


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2, default=_jsonable, ensure_ascii=True) + "\n")


def _jsonable(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else str(value)


def _print_table(rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        sys.stdout.write("nothing waits here\n")
        return
    for row in rows:
        cells = (row["event_id"], row["decided_at"].isoformat(timespec="seconds"), row["reason"], row["sensor_id"] or "-")
        sys.stdout.write("  ".join(clean(str(cell)) for cell in cells) + "\n")


if __name__ == "__main__":
    sys.exit(main())
