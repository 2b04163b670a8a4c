"""`waste trace EVENT_ID`: one event's whole life, as the ledger and the desk have it."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from adapters.environment import read_settings
from adapters.postgres.connections import open_pool
from adapters.postgres.story import PostgresStories
from adapters.settings import DatabaseSettings
from contracts.errors import RequestRefused
from contracts.story import Moment


def main(argv: list[str] | None = None) -> int:
    """Print the story of an event."""
    parser = argparse.ArgumentParser(prog="waste trace", description="One event's whole life: what happened to it, when, by whom.")
    parser.add_argument("event_id", type=UUID, metavar="EVENT_ID")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args(argv)
    settings = read_settings(DatabaseSettings, os.environ)
    with open_pool(settings.database_url.get_secret_value(), name="waste-trace", max_size=1) as pool:
        found = PostgresStories(pool).story(options.event_id)
    if not found:
        raise RequestRefused(
            "event_id", f"{options.event_id}: nothing is known of it; it was never accepted, or its month has gone"
        )
    sys.stdout.writelines(_as_json(found) if options.json else as_text(found))
    return 0


def _as_json(moments: Sequence[Moment]) -> Iterator[str]:
    for moment in moments:
        yield (
            json.dumps(asdict(moment), default=lambda value: value.isoformat() if isinstance(value, datetime) else str(value))
            + "\n"
        )


def as_text(moments: Sequence[Moment]) -> Iterator[str]:
    """Yield a line for each moment: its time, the seconds since the one before, what happened, by whom, and facts."""
    before = moments[0].at
    for moment in moments:
        facts = ", ".join(f"{name} {_short(value)}" for name, value in moment.facts.items() if value not in (None, "", {}))
        since = (moment.at - before).total_seconds()
        yield f"{moment.at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + f"  {since:+10.3f} s  {moment.what}"
        yield (f" ({moment.who})" if moment.who else "") + (f": {facts}" if facts else "") + "\n"
        before = moment.at


def _short(value: object) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {_short(one)}" for name, one in value.items()) + ")"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
