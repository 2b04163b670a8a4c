"""How values look on a page: with their unit, and a dash where nothing is known. Pure but for the clock of `ago`."""

import json
from datetime import UTC, datetime
from typing import Any

from dlq_review.text import jsonable

NONE = "\u2013"
_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))
_SHORTEST_S = 10.0


def age(seconds: float | None) -> str:
    """Return a time in its largest unit."""
    if seconds is None:
        return NONE
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.0f}\u00a0{unit}"
    return f"{max(0.0, seconds):.0f}\u00a0s"


def lasts(seconds: float | None) -> str:
    """Return a time that is often short: with a decimal under ten seconds, in milliseconds under one."""
    if seconds is None or seconds >= _SHORTEST_S:
        return age(seconds)
    seconds = max(0.0, seconds)
    return f"{seconds:.1f}\u00a0s" if seconds >= 1 else f"{seconds * 1000:.0f}\u00a0ms"


def ago(moment: datetime) -> str:
    """Return how long ago a moment was."""
    seconds = (datetime.now(UTC) - moment).total_seconds()
    return f"{age(seconds)} ago" if seconds >= 0 else f"in {age(-seconds)}"


def beside(moment: datetime, other: datetime) -> str:
    """Return how far a moment is from another one."""
    seconds = (moment - other).total_seconds()
    return f"{age(abs(seconds))} {'after' if seconds > 0 else 'before'}"


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share in [0, 1]."""
    return NONE if share is None or share != share else f"{share * 100:.{digits}f}\u00a0%"  # noqa: PLR0124 - NaN


def number(value: float | None, digits: int = 0) -> str:
    """Return a number with commas between thousands."""
    return NONE if value is None or value != value else f"{value:,.{digits}f}"  # noqa: PLR0124 - NaN


def rate(per_s: float | None) -> str:
    """Return events a second, or a minute where they are few."""
    if per_s is None:
        return NONE
    if per_s == 0 or per_s >= 1:
        return f"{number(per_s, 0 if per_s == 0 or per_s >= 100 else 1)}\u00a0/s"
    return f"{number(per_s * 60, 1)}\u00a0/min"


def valued(value: float | None, unit: str) -> str:
    """Return a value of a chart with its unit; "share" are numbers in [0, 1], "s" seconds."""
    if value is None:
        return NONE
    if unit == "share":
        return percent(value, 1)
    if unit == "s":
        return lasts(value)
    digits = 0 if value == int(value) or abs(value) >= 100 else 2
    return number(value, digits) + (f"\u00a0{unit}" if unit else "")


def exact(moment: datetime) -> str:
    """Return a moment to the second, in UTC."""
    return moment.isoformat(timespec="seconds")


def pretty(value: Any) -> str:
    """Return a value as JSON over several lines."""
    return json.dumps(jsonable(value), indent=2, ensure_ascii=False)
