"""Types of command-line arguments: what is out of range is said in one line, before anything is begun."""

import argparse
import math
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from contracts.events import SENSOR_ID

Member = TypeVar("Member", bound=StrEnum)


def number_between(low: float, high: float) -> Callable[[str], float]:
    """Return a type for numbers from `low` to `high`."""

    def number(text: str) -> float:
        value = float(text)
        if not (math.isfinite(value) and low <= value <= high):
            raise argparse.ArgumentTypeError(f"must be from {low:g} to {high:g}")
        return value

    return number


def integer_between(low: int, high: int) -> Callable[[str], int]:
    """Return a type for whole numbers from `low` to `high`."""

    def integer(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be from {low} to {high}")
        return value

    return integer


def member_of(kind: type[Member]) -> Callable[[str], Member]:
    """Return a type for the values of an enumeration."""

    def member(text: str) -> Member:
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(kind)}") from None

    return member


def moment(text: str) -> datetime:
    """Be the type of a time; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time as 2026-05-01 or 2026-05-01T12:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def event_id(text: str) -> UUID:
    """Be the type of an event's id."""
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no event's id (a UUID)") from None


def sensor_id(text: str) -> str:
    """Be the type of a sensor's name."""
    if not SENSOR_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 to 64 letters, digits and ._:-")
    return text


def file_to_write(text: str) -> Path:
    """Be the type of a file that is written at the end of long work: its folder is there."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder" if path.is_dir() else f"there is no folder {str(path.parent)!r}")
    return path
