"""What commands print: JSON for programs, and lines for people that no stranger's text can forge."""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from dlq_review.text import plain


def print_json(value: object) -> None:
    """Print a value as JSON, in ASCII."""
    sys.stdout.write(json.dumps(value, indent=2, default=as_json, ensure_ascii=True) + "\n")


def print_json_line(value: object) -> None:
    """Print a value as one line of JSON, in ASCII."""
    sys.stdout.write(json.dumps(value, default=as_json, ensure_ascii=True) + "\n")


def as_json(value: object) -> object:
    """Return what JSON can hold in a value's stead."""
    if isinstance(value, datetime):
        return value.isoformat()
    return bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else str(value)


def print_table(rows: Iterable[Mapping[str, Any]], names: tuple[str, ...]) -> None:
    """Print columns of rows, or that there are none."""
    printed = False
    for row in rows:
        cells = (value.isoformat(timespec="seconds") if isinstance(value := row[name], datetime) else value for name in names)
        sys.stdout.write("  ".join("-" if cell is None else plain(cell) for cell in cells) + "\n")
        printed = True
    if not printed:
        sys.stdout.write("nothing waits here\n")


def note(line: str) -> None:
    """Say a line on stderr."""
    sys.stderr.write(f"{line}\n")
