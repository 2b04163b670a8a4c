"""`waste report`: settings -> adapters -> run."""

import argparse
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from adapters.environment import read_settings
from adapters.postgres.connections import open_pool
from adapters.postgres.console import PostgresConsole
from adapters.postgres.history import PostgresHistory
from adapters.postgres.weekly import PostgresWeekly
from adapters.settings import DatabaseSettings, PriceSettings
from contracts.errors import RequestRefused
from dlq_review.console.room import BASELINE
from dlq_review.report.week import Week, week_named, week_of
from dlq_review.report.writing import Sources, write_report


class ReportSettings(DatabaseSettings, PriceSettings):
    """What the report is told."""

    accuracy_baseline: Annotated[float, Field(alias="ACCURACY_BASELINE", gt=0, lt=1)] = BASELINE
    price_currency: Annotated[str, Field(alias="PRICE_CURRENCY", max_length=8)] = ""
    """What stands behind each price."""


def main(argv: list[str] | None = None) -> int:
    """Write a week of the fleet as one HTML page."""
    parser = argparse.ArgumentParser(prog="waste report", description=main.__doc__)
    week = "2026-W09, or a date in it (default: the last whole week)"
    parser.add_argument("--week", nargs="?", type=week_named, metavar="WEEK", help=week)
    parser.add_argument("--out", type=Path, metavar="FILE", help="(default: waste-WEEK.html; - is stdout)")
    options = parser.parse_args(argv)
    settings = read_settings(ReportSettings, os.environ)
    now = datetime.now(UTC)
    meant = options.week or week_of(now.date() - timedelta(days=7))
    with open_pool(settings.database_url.get_secret_value(), name="waste-report", max_size=1) as pool:
        sources = Sources(PostgresHistory(pool), PostgresConsole(pool), PostgresWeekly(pool))
        page = write_report(sources, meant, settings.prices(), settings.accuracy_baseline, now, settings.price_currency)
    return _put(page, options.out, meant)


def _put(page: str, out: Path | None, week: Week) -> int:
    if out == Path("-"):
        sys.stdout.write(page)
        return 0
    path = out or Path(f"waste-{week.name}.html")
    try:
        _write(page, path)
    except OSError as error:
        raise RequestRefused("--out", f"cannot be written: {error}") from None
    sys.stderr.write(f"{path}: {week.monday} to {week.sunday}\n")
    return 0


def _write(page: str, path: Path) -> None:
    # Whole or not at all: what stood there is the report of before, which somebody may be reading.
    place = path.resolve()
    if place.exists() and not place.is_file():
        path.write_text(page, "utf-8")
        return
    draft = place.with_name(f".{place.name[:100]}.{os.getpid()}.partial")
    try:
        draft.write_text(page, "utf-8")
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
