"""Rows of a Parquet file that somebody else has made: of flat columns, and of no more memory than labels need.

A kilobyte of Parquet may say the same two megabytes a million times. So text stays what it is in the file, numbers of entries
in a dictionary, until a row is known to be short.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contracts.errors import RequestRefused

LONGEST_ROW = 10_000
"""Letters, or bytes of a value."""
_MOST_UNPACKED = 512 * 2**20
"""Bytes of one row group, as its writer says; a reader may need all of them at once."""
_ROWS_AT_ONCE = 1000


@contextmanager
def parquet_rows(path: Path) -> Iterator[tuple[list[str], Iterator[tuple[int, Mapping[str, object] | str]]]]:
    """Give a file's names of columns and its rows, each a number from 1 with its fields or with what keeps it from being read.

    Raises RequestRefused for a file that is no such table.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise RequestRefused(str(path), "needs the package pyarrow; install waste-fleet[lake]") from None
    try:
        with parquet.ParquetFile(path) as file:
            texts = [field.name for field in _checked(path, file) if _is_text(field.type)]
        with parquet.ParquetFile(path, read_dictionary=texts) as file:
            yield file.schema_arrow.names, _rows(file)
    except (pa.ArrowException, OverflowError, ValueError) as error:
        raise RequestRefused(str(path), f"cannot be read as Parquet: {str(error)[:200]}") from None


def _checked(path: Path, file: Any) -> Any:
    """Return the schema of a file whose rows can be read one by one; raises RequestRefused."""
    for field in file.schema_arrow:
        if not (_is_text(field.type) or _is_plain(field.type)):
            raise RequestRefused(
                str(path), f"has a column {field.name[:40]} of the type {str(field.type)[:100]}, which no label has"
            )
    for number in range(file.metadata.num_row_groups):
        if (size := file.metadata.row_group(number).total_byte_size) > _MOST_UNPACKED:
            raise RequestRefused(str(path), f"has a row group of {size} bytes, and {_MOST_UNPACKED} are the most")
    return file.schema_arrow


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    value = kind.value_type if types.is_dictionary(kind) else kind
    return any(of(value) for of in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary))


def _is_plain(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_primitive(kind) or types.is_null(kind))


def _rows(file: Any) -> Iterator[tuple[int, Mapping[str, object] | str]]:
    number = 0
    for batch in file.iter_batches(_ROWS_AT_ONCE):
        columns = [(name, *_readable(column)) for name, column in zip(batch.schema.names, batch.columns, strict=True)]
        for place in range(batch.num_rows):
            number += 1
            yield number, _row(columns, place)


def _readable(column: Any) -> tuple[Any, frozenset[int]]:
    """Return a column as Python can hold it, and which entries of its dictionary are too long."""
    import pyarrow as pa
    from pyarrow import compute, types

    kind = column.type
    if types.is_dictionary(kind):
        lengths = compute.binary_length(column.dictionary).to_pylist()
        return column, frozenset(place for place, length in enumerate(lengths) if length and length > LONGEST_ROW)
    if types.is_timestamp(kind) and kind.unit == "ns":  # as pandas writes them; Python's moments have microseconds
        return column.cast(pa.timestamp("us", kind.tz), safe=False), frozenset()
    return column, frozenset()


def _row(columns: Sequence[tuple[str, Any, frozenset[int]]], place: int) -> Mapping[str, object] | str:
    row: dict[str, object] = {}
    for name, column, too_long in columns:
        value = column[place]
        if too_long and value.index.as_py() in too_long:
            return f"{name[:40]}: is longer than {LONGEST_ROW} bytes"
        try:
            said = value.as_py()
        except (ValueError, OverflowError) as error:  # also text that is not UTF-8
            return f"{name[:40]}: cannot be read: {str(error)[:100]}"
        if said is not None:
            row[name] = said
    return row
