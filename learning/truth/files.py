"""Rows of labels in files: CSV with a line of names, JSON lines, Parquet."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from contracts.errors import RequestRefused

Rows = Iterator[tuple[int, Mapping[str, object] | str]]
_NEEDED = ("sensor_id", "observed_at", "category")
_LONGEST_LINE = 10_000


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
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"it is not UTF-8 at byte {error.start}"
        raise RequestRefused(str(path), f"cannot be read: {reason}") from None


def _csv(path: Path) -> Rows:
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file)
        try:
            names = [name.strip() for name in next(lines, [])]
            _check_names(path, names)
            for cells in lines:
                if not cells:
                    continue
                fits = len(cells) == len(names)
                yield lines.line_num, dict(zip(names, cells, strict=True)) if fits else f"has {len(cells)} cells, not {len(names)}"
        except csv.Error as error:
            raise RequestRefused(str(path), f"cannot be read as CSV: line {lines.line_num}: {error}") from None


def _json_lines(path: Path) -> Rows:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, _json_row(line)


def _json_row(line: str) -> Mapping[str, object] | str:
    if len(line) > _LONGEST_LINE:
        return f"is longer than {_LONGEST_LINE} letters"
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return "is not JSON"
    return row if isinstance(row, dict) else "is not a JSON object"


def _parquet(path: Path) -> Rows:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise RequestRefused(str(path), "needs the package pyarrow; install waste-fleet[lake]") from None
    try:
        with parquet.ParquetFile(path) as file:
            _check_names(path, file.schema_arrow.names)
            number = 0
            for batch in file.iter_batches(1000):
                for row in batch.to_pylist():
                    number += 1
                    yield number, {name: value for name, value in row.items() if value is not None}
    except pa.ArrowException as error:
        raise RequestRefused(str(path), f"cannot be read as Parquet: {str(error)[:200]}") from None


def _check_names(path: Path, names: list[str]) -> None:
    if missing := [name for name in _NEEDED if name not in names]:
        raise RequestRefused(str(path), f"has no column {missing[0]}; there is {', '.join(names)[:200] or 'none'}")
