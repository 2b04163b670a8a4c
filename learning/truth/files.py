"""Rows of labels in files: CSV with a line of names, JSON lines, Parquet. A row that cannot be read keeps no other from it."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from contracts.errors import RequestRefused
from learning.truth.parquet import LONGEST_ROW, parquet_rows

Rows = Iterator[tuple[int, Mapping[str, object] | str]]
_NEEDED = ("sensor_id", "observed_at", "category")
_NOT_UTF8 = "\N{REPLACEMENT CHARACTER}"
"""What stands for bytes that are no UTF-8; no label has any."""
_TOO_LONG = f"is longer than {LONGEST_ROW} letters"
_ENDS = ("\n", "\r")


def read_rows(path: Path) -> Rows:
    """Yield each row's line (the first is 1) with its fields, or with what keeps it from being read.

    Raises RequestRefused for a file that is none of the three, or that lacks a column.
    """
    readers = {".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise RequestRefused(str(path), f"is none of {', '.join(readers)}")
    try:
        yield from reader(path)
    except OSError as error:
        raise RequestRefused(str(path), f"cannot be read: {error.strerror or str(error)[:200]}") from None


class _Lines:
    """The lines of a file, each of LONGEST_ROW letters and a few at most: what is longer is cut, and `cut` is its number."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._number, self.cut = file, 0, 0

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(LONGEST_ROW + 1):
            self._number += 1
            if len(line) > LONGEST_ROW and not line.endswith(_ENDS):
                self.cut = self._number
                while (rest := self._file.readline(LONGEST_ROW)) and not rest.endswith(_ENDS):
                    pass  # a file may be one line of gigabytes
                line += "\n"
            yield line


def _csv(path: Path) -> Rows:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        lines = _Lines(file)
        rows = csv.reader(iter(lines))
        try:
            names = [name.strip() for name in next(rows, [])]
        except csv.Error as error:
            raise RequestRefused(str(path), f"cannot be read as CSV: line {rows.line_num}: {error}") from None
        _check_names(path, names)
        while True:
            first = rows.line_num + 1
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield first, _swallowed(rows.line_num) if rows.line_num > first else f"is not CSV: {error}"
                continue
            if rows.line_num > first:  # no label has a line's end in it, so that others would be lost unseen
                yield first, _swallowed(rows.line_num)
            elif lines.cut == first:
                yield first, _TOO_LONG
            elif cells:
                yield first, _csv_row(names, cells)


def _swallowed(until: int) -> str:
    return f"opens a quotation mark that swallows all until line {until}"


def _csv_row(names: list[str], cells: list[str]) -> Mapping[str, object] | str:
    if any(_NOT_UTF8 in cell for cell in cells):
        return "is not UTF-8"
    return dict(zip(names, cells, strict=True)) if len(cells) == len(names) else f"has {len(cells)} cells, not {len(names)}"


def _json_lines(path: Path) -> Rows:
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(_Lines(file), 1):
            if line.strip():
                yield number, _json_row(line)


def _json_row(line: str) -> Mapping[str, object] | str:
    if len(line) > LONGEST_ROW:
        return _TOO_LONG
    if _NOT_UTF8 in line:
        return "is not UTF-8"
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return "is not JSON"
    return row if isinstance(row, dict) else "is not a JSON object"


def _parquet(path: Path) -> Rows:
    with parquet_rows(path) as (names, rows):
        _check_names(path, names)
        yield from rows


def _check_names(path: Path, names: list[str]) -> None:
    if missing := [name for name in _NEEDED if name not in names]:
        raise RequestRefused(str(path), f"has no column {missing[0]}; there is {', '.join(names)[:200] or 'none'}")
