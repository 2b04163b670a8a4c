"""Items as Parquet files, in types that DuckDB, Spark and Athena all read."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from contracts.errors import SettingsInvalid, SnapshotDamaged
from learning.lake.items import Item

SCHEMA_VERSION = 1
PARTITIONS = ("date", "source")
"""They are said by a file's folder and stand in no file, as Hive and those that follow it want it."""
_REALS = frozenset({"confidence", "sampling_probability", "brightness", "sharpness", "entropy"})
_BYTES = frozenset({"features", "thumbnail"})
"""Plain bytes: Spark refuses every file with a float16 column, even where it is not asked for it."""
_ROWS_AT_ONCE = 1024


def write_items(items: Sequence[Item], path: Path) -> None:
    """Write items of one partition into a file; raises OSError, and SettingsInvalid without pyarrow."""
    pa, parquet = _arrow()
    schema = _schema()
    columns = [pa.array([getattr(item, name) for item in items], schema.field(name).type) for name in schema.names]
    parquet.write_table(pa.Table.from_arrays(columns, schema=schema), path, store_schema=False)


def read_items(data: bytes, day: date, source: str) -> Iterator[Item]:
    """Yield the items in the bytes of a file of one partition; raises SnapshotDamaged if it is none."""
    pa, parquet = _arrow()
    try:
        with parquet.ParquetFile(io.BytesIO(data)) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                yield from (Item(date=day, source=source, **row) for row in batch.to_pylist())
    except (pa.ArrowException, TypeError, OSError) as error:
        raise SnapshotDamaged(f"it is no file of items: {str(error)[:200]}") from error


@cache
def _schema() -> Any:
    pa, _ = _arrow()
    types = {
        "captured_at": pa.timestamp("us", "UTC"),
        "labels": pa.int32(),
        **dict.fromkeys(_REALS, pa.float32()),
        **dict.fromkeys(_BYTES, pa.binary()),
    }
    names = [one.name for one in fields(Item) if one.name not in PARTITIONS]
    return pa.schema([pa.field(name, types.get(name, pa.string())) for name in names])


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise SettingsInvalid("the lake needs the package pyarrow; install waste-fleet[lake]") from None
    return pa, parquet
