"""What commands print: JSON for programs, and lines for people that no stranger's text can forge."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from contracts.tables import lines_of
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


def print_table(rows: Sequence[Mapping[str, Any]], names: Sequence[str], if_none: str) -> None:
    """Print columns of rows below their names, or that there are none."""
    if not rows:
        sys.stdout.write(f"{if_none}\n")
        return
    table = [[_cell(row[name]) for name in names] for row in rows]
    table.insert(0, [name.upper() for name in names])
    sys.stdout.writelines(lines_of(table))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return plain(value.isoformat(timespec="seconds") if isinstance(value, datetime) else value)


def note(line: str) -> None:
    """Say a line on stderr."""
    sys.stderr.write(f"{line}\n")
