"""What can be read of a damaged outbox goes into a new one, and what cannot is counted, with the numbers where they are known."""

import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path

from producer.edge.shelf_files import flush, read_only

_TABLES = ("facts", "counts", "gaps", "boots", "anchors", "taken", "answers", "images", "captures")
_DAMAGED = "damaged"
_MENDING, _MENDED = ".mending", ".mended"
_FILES = ("-wal", "-shm", "")
# Indexes hold numbers as well, and may be whole where their table is not.
_NUMBERS = (
    "SELECT sequence FROM captures",
    "SELECT sequence FROM captures ORDER BY sequence DESC",
    "SELECT sequence FROM captures INDEXED BY captures_by_state WHERE state IN ('waiting', 'aside')",
    "SELECT sequence FROM captures INDEXED BY captures_by_worth WHERE state IN ('waiting', 'aside')",
    "SELECT sequence FROM images",
    "SELECT sequence FROM images ORDER BY sequence DESC",
)


def mend(path: Path, open_new: Callable[[Path], sqlite3.Connection]) -> tuple[Path, int]:
    """Put what can be read of a damaged outbox in its place; return where the damaged one lies now, and how many events that are.

    The new one is complete and on the disk before the damaged one goes: who is ended meanwhile begins again.
    """
    new, laid_aside = _beside(path, _MENDING), path.with_name(f"{path.name}.broken-{time.time_ns() // 10**9}")
    _remove(new)
    sql = open_new(new)
    try:
        sql.execute("PRAGMA synchronous = OFF")
        sql.execute("PRAGMA journal_mode = OFF")
        salvaged = salvage(path, sql)
    finally:
        sql.close()
    flush(new)
    new.rename(_beside(path, _MENDED))
    flush(path.parent)
    for ending in _FILES:
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(f"{laid_aside}{ending}")
    finish_mending(path)
    for older in set(path.parent.glob(f"{path.name}.broken-*")) - {_beside(laid_aside, ending) for ending in _FILES}:
        older.unlink(missing_ok=True)
    return laid_aside, salvaged


def finish_mending(path: Path) -> None:
    """Put a mended outbox in its place, from which the damaged one may not have been taken whole."""
    mended = _beside(path, _MENDED)
    if mended.exists():
        _remove(path)
        mended.rename(path)
        flush(path.parent)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _remove(path: Path) -> None:
    for ending in _FILES:
        _beside(path, ending).unlink(missing_ok=True)


def salvage(broken: Path, sql: sqlite3.Connection) -> int:
    """Copy what can be read of a damaged file into a new one; return how many events that are."""
    there: set[int] = set()
    with suppress(sqlite3.Error), closing(read_only(broken)) as old:
        for table in _TABLES:
            # From both ends: what is damaged in the middle hides neither.
            for direction in ("ASC", "DESC"):
                with suppress(sqlite3.Error):
                    for row in old.execute(f"SELECT * FROM {table} ORDER BY 1 {direction}"):  # noqa: S608
                        sql.execute(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608
        for text in _NUMBERS:
            with suppress(sqlite3.Error):
                there.update(number for (number,) in old.execute(text) if isinstance(number, int))
    sql.execute("DELETE FROM captures WHERE sequence NOT IN (SELECT sequence FROM images)")
    sql.execute("DELETE FROM images WHERE sequence NOT IN (SELECT sequence FROM captures)")
    # A number that was given must not be given again, though the note of it is gone.
    sql.execute(
        "INSERT INTO facts SELECT 'next_sequence', max(sequence) + 1 FROM captures HAVING count(*)"
        " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)"
    )
    _note_lost(sql, there)
    return int(sql.execute("SELECT count(*) FROM captures").fetchone()[0])


def _note_lost(sql: sqlite3.Connection, there: set[int]) -> None:
    """Count what was in the old file and is not in the new one, and note its numbers as far as they are known."""
    kept = {number for (number,) in sql.execute("SELECT sequence FROM captures")}
    lost = {number for number in there - kept if number >= 0}
    counts = dict(sql.execute("SELECT name, number FROM counts").fetchall())
    gone = counts.get("sent", 0) + counts.get("aside_let_go", 0)
    gone += sum(number for name, number in counts.items() if name.startswith("dropped_"))
    missing = max(len(lost), counts.get("captured", 0) - gone - len(kept))
    (following,) = sql.execute("SELECT value FROM facts WHERE name = 'next_sequence'").fetchone() or (0,)
    known = kept | lost
    if missing > len(lost) and known and max(known) + 1 < following:
        # The newest are the least likely to have been sent before.
        lost |= set(range(max(max(known) + 1, following - (missing - len(lost))), following))
    if missing:
        sql.execute(
            "INSERT INTO counts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET number = number + excluded.number",
            (f"dropped_{_DAMAGED}", missing),
        )
    sql.executemany("INSERT OR IGNORE INTO gaps VALUES (?, ?, ?)", [(*run, _DAMAGED) for run in _runs(sorted(lost))])
    if lost:
        sql.execute("UPDATE facts SET value = max(value, ?) WHERE name = 'next_sequence'", (max(lost) + 1,))


def _runs(numbers: list[int]) -> Iterable[tuple[int, int]]:
    """Yield first and last of each run of numbers that follow each other."""
    if not numbers:
        return
    breaks = [(one, other) for one, other in pairwise(numbers) if other != one + 1]
    yield from zip([numbers[0], *(other for _, other in breaks)], [*(one for one, _ in breaks), numbers[-1]], strict=True)
