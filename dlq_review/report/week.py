"""Which week is meant. Pure."""

import argparse
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

_FIRST_YEAR, _LAST_YEAR = 2000, 9000
_ISO_WEEK = re.compile(r"(\d{4})-W(\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Week:
    """A week from Monday to Sunday, UTC."""

    monday: date

    @property
    def name(self) -> str:
        """The week as ISO 8601 calls it."""
        return f"{self.monday:%G-W%V}"

    @property
    def since(self) -> datetime:
        """Its beginning."""
        return datetime.combine(self.monday, time(), UTC)

    @property
    def until(self) -> datetime:
        """The beginning of the next one."""
        return self.since + timedelta(days=7)

    @property
    def sunday(self) -> date:
        """Its last day."""
        return self.monday + timedelta(days=6)

    @property
    def before(self) -> "Week":
        """The week before."""
        return Week(self.monday - timedelta(days=7))


def week_of(day: date) -> Week:
    """Return the week that a day is in."""
    return Week(day - timedelta(days=day.weekday()))


def week_named(text: str) -> Week:
    """Return the week of 2026-W09 or of a date in it; raises argparse.ArgumentTypeError."""
    found = _ISO_WEEK.fullmatch(text)
    try:
        day = date.fromisocalendar(int(found[1]), int(found[2]), 1) if found else date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is neither a week as 2026-W09 nor a date as 2026-02-25 of this fleet")
    return week_of(day)
