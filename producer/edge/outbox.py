"""The outbox: pictures and their events, from the moment they are taken until the gateway has them."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog

from contracts.ids import uuid7
from producer.edge import tables
from producer.edge.clocks import (
    Anchor,
    Moment,
    as_datetime,
    is_confirmed,
    is_surely_before,
    true_time,
    worth_keeping,
)
from producer.edge.shelf import BALLAST_BYTES, Shelf, ShelfFull
from producer.edge.tables import DAMAGED, Kept, RowDamaged, add_to, set_facts

T = TypeVar("T")

TOO_OLD, NEAR_DUPLICATE, BACKLOG = "too_old", "near_duplicate", "backlog"
"""Why an event is dropped: by its age; for want of room, as one of several like it; for want of room, as the oldest."""
ROW_BYTES = 1024
"""What an event takes beside its picture."""
_MARGIN_BYTES = 64 * 1024
_log = structlog.get_logger("waste")
_INSERT = """
INSERT INTO captures (sequence, event_id, name, boot, since_boot_s, wall_s, content_type, size, near)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture ready to be kept; `source` tells a file of the folder from any other, None for the camera's."""

    image: bytes
    content_type: str
    at: Moment
    name: str = ""
    source: bytes | None = None
    near: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the outbox may take: bytes, bytes that stay free on the disk, and events that are kept though they were refused."""

    most_bytes: int = 512 * 2**20
    reserve_bytes: int = 64 * 2**20
    most_aside: int = 200


class Outbox:
    """Safe to use from several threads. Raises ShelfFull and ShelfBroken."""

    def __init__(
        self, shelf: Shelf, bounds: Bounds, *, free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
    ) -> None:
        """Keep everything on `shelf`; `free_bytes` says how many are free beside a path."""
        self.shelf, self.bounds, self._free_bytes = shelf, bounds, free_bytes
        with shelf.look() as sql:
            self._bytes: int = sql.execute("SELECT coalesce(sum(size), 0) FROM captures").fetchone()[0]

    # --- in ---------------------------------------------------------------------------------------------------------

    def keep(self, picture: Picture) -> Kept | None:
        """Give a picture its id and number and keep it, all at once; None if this file is in the outbox already.

        Makes room by dropping what is worth least; raises ShelfFull when that is not enough.
        """
        self.shelf.must_be_in_place()
        with self.shelf.lock:
            if picture.source is not None and self._taken(picture.source):
                return None
            size = len(picture.image) + ROW_BYTES
            self._make_room(size)
            if not self.shelf.take_ballast():
                raise ShelfFull("what is left on the disk is kept for sending")
            while True:
                try:
                    return self._insert(picture)
                except ShelfFull:
                    # Where the file itself has room it is the disk that has none, and dropping more would help nothing.
                    if self.shelf.free_bytes() > size * 5 // 4 + _MARGIN_BYTES or not self._drop_least():
                        raise

    def _taken(self, source: bytes) -> bool:
        with self.shelf.look() as sql:
            return sql.execute("SELECT 1 FROM taken WHERE source = ?", (source,)).fetchone() is not None

    def _insert(self, picture: Picture) -> Kept:
        size, at = len(picture.image) + ROW_BYTES, picture.at
        with self.shelf.change() as sql:
            sequence = int(tables.fact_of(sql, "next_sequence", 0))
            made_s = max(true_time(at, *tables.times_of(sql))[0], 0.0)
            event_id = uuid7(as_datetime(made_s), os.urandom(10))
            row = (sequence, event_id.bytes, tables.storable(picture.name), at.boot, at.since_boot_s, at.wall_s)
            sql.execute(_INSERT, (*row, picture.content_type, size, picture.near))
            sql.execute("INSERT INTO images VALUES (?, ?)", (sequence, picture.image))
            if picture.source is not None:
                sql.execute("INSERT INTO taken VALUES (?, ?)", (picture.source, sequence))
            set_facts(sql, next_sequence=sequence + 1)
            add_to(sql, "captured", 1)
            tables.see_boot(sql, at)
        self._bytes += size
        return Kept(sequence, event_id, at, picture.content_type, size, picture.near, None, None, 0)

    def forget(self, sources: Iterable[bytes]) -> None:
        """Forget files that are gone from their folder, also after a loss of the supply."""
        if gone := [(source,) for source in sources]:
            with self.shelf.change() as sql:
                sql.executemany("DELETE FROM taken WHERE source = ?", gone)

    # --- out --------------------------------------------------------------------------------------------------------

    def waiting(self, now: Moment, live_s: float, most: int, *, live: bool, besides: Sequence[int] = ()) -> list[Kept]:
        """Return events to send: of the last `live_s` the newest first, or of the backlog before them the oldest first.

        Those numbered in `besides` are left out; those that cannot be read are dropped and counted.
        """
        with self.shelf.look() as sql:
            rows = tables.rows_waiting(sql, now, live_s, most, live=live, besides=besides)
        return [kept for kept in map(self._read, rows) if kept]

    def _read(self, row: Sequence[Any]) -> Kept | None:
        """Return the event of a row; one that cannot be read is dropped, for it would hold up all others."""
        try:
            return tables.kept_of(row)
        except RowDamaged as error:
            _log.error("event_damaged", sequence=row[0], why=error.detail, hint="it is dropped and counted")
            self._drop(row[0], DAMAGED)
            return None

    def image(self, kept: Kept) -> bytes | None:
        """Return an event's picture, None if it was dropped meanwhile; an event that lost its picture is dropped and counted."""
        with self.shelf.lock, self.shelf.look() as sql:
            row: Any = sql.execute("SELECT image FROM images WHERE sequence = ?", (kept.sequence,)).fetchone()
            if row and isinstance(row[0], bytes):
                return row[0]
            self._drop(kept.sequence, DAMAGED)
        return None

    def fix(self, made: Sequence[tuple[Kept, str, bytes]]) -> set[int]:
        """Keep what will be sent of each event, with where its picture lies, before it is sent: each repetition is the same.

        Return the numbers of those that are still in the outbox.
        """

        def write(sql: sqlite3.Connection) -> set[int]:
            text = "UPDATE captures SET image_url = ?, body = ? WHERE sequence = ?"
            return {kept.sequence for kept, url, body in made if sql.execute(text, (url, body, kept.sequence)).rowcount}

        return self._pressing(write)

    def done(self, sent: Sequence[Kept]) -> None:
        """Let go of events that the gateway has: all at once, and where the disk has no room for that one by one."""
        try:
            self._let_go(sent)
        except ShelfFull:
            if len(sent) <= 1:
                raise
            for kept in sent:
                self._let_go([kept])

    def _let_go(self, sent: Sequence[Kept]) -> None:
        self._bytes -= self._pressing(lambda sql: tables.let_go_of_sent(sql, sent))

    def remake(self, kept: Kept) -> None:
        """Have an event made again before it is sent again: the gateway took none at the time that it says."""
        self._pressing(
            lambda sql: sql.execute("UPDATE captures SET body = NULL, remade = remade + 1 WHERE sequence = ?", (kept.sequence,))
        )

    def put_aside(self, kept: Kept, kind: str, detail: str) -> None:
        """Keep an event that will never be taken for people to see, and of those the newest ones alone."""

        def write(sql: sqlite3.Connection) -> int:
            tables.set_aside(sql, kept.sequence, kind, detail)
            return tables.let_go_of_aside(sql, "ORDER BY sequence DESC LIMIT -1 OFFSET ?", (max(1, self.bounds.most_aside),))

        self._bytes -= self._pressing(write)

    def _pressing(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do what sending needs, also on a full disk: what is sent makes room, so the least of the rest may go for it."""
        while True:
            try:
                with self.shelf.change() as sql:
                    return work(sql)
            except ShelfFull:
                if self.shelf.press():
                    continue
                if self.shelf.free_bytes() > _MARGIN_BYTES or not self._drop_least():
                    raise

    # --- room ---

    def free_bytes(self) -> int:
        """Return how many bytes may be added: those that are free within the file, and by how much that may grow.

        A file does not shrink by what is dropped, so what others have taken of the disk is not won back that way.
        """
        try:
            grows = self._free_bytes(self.shelf.path.parent) - self.bounds.reserve_bytes - BALLAST_BYTES
        except OSError:
            grows = 0
        return self.shelf.free_bytes() * 9 // 10 + max(0, grows)

    def _make_room(self, size: int) -> None:
        while self._bytes + size > self.bounds.most_bytes or size > self.free_bytes():
            if not self._drop_least():
                raise ShelfFull(f"a picture of {size} bytes does not fit into {self.free_bytes()}")

    def _drop_least(self) -> bool:
        """Drop the event that is worth least: put aside, then one that looked like another before it, else the oldest.

        False: there is none.
        """
        if self._let_go_of_aside():
            return True
        with self.shelf.look() as sql:
            row = sql.execute(
                "SELECT sequence, near FROM captures WHERE state = 'waiting' ORDER BY near DESC, sequence LIMIT 1"
            ).fetchone()
        if row is None:
            return False
        self._drop(row[0], NEAR_DUPLICATE if row[1] else BACKLOG)
        return True

    def _let_go_of_aside(self) -> bool:
        """Let go of the oldest event that was put aside: the service never takes it, and it was counted and noted before."""
        with self.shelf.change() as sql:
            size = tables.let_go_of_aside(sql, "ORDER BY sequence LIMIT 1", ())
        self._bytes -= size
        return size > 0

    def drop_older(self, than_s: float) -> int:
        """Drop what was captured before `than_s` (Unix time), oldest first; return how many."""
        dropped = 0
        while True:
            with self.shelf.look() as sql:
                row = sql.execute(
                    f"SELECT {tables.COLUMNS} FROM captures WHERE state = 'waiting' ORDER BY sequence LIMIT 1"  # noqa: S608
                ).fetchone()
                if row is None:
                    return dropped
                kept = self._read(row)
                if kept is None:
                    continue
                if not is_surely_before(than_s, kept.at, *tables.times_of(sql)):
                    return dropped
            self._drop(row[0], TOO_OLD)
            dropped += 1

    def _drop(self, sequence: int, reason: str) -> None:
        with self.shelf.change() as sql:
            self._bytes -= tables.drop(sql, sequence, reason)

    # --- time and facts ---------------------------------------------------------------------------------------------

    def measure(self, at: Moment, server_s: float, error_s: float) -> None:
        """Keep what the service's clock said at a moment, if it says more than is known."""
        new = Anchor(at.boot, at.since_boot_s, server_s, error_s, at.wall_s)
        with self.shelf.look() as sql:
            if not worth_keeping(tables.anchors_of(sql, at.boot), new):
                return

        self._pressing(lambda sql: tables.add_anchor(sql, at, new))

    def when(self, at: Moment) -> tuple[float, str]:
        """Return the true time of a moment (Unix time) and how it is known: see `clocks.true_time`."""
        with self.shelf.look() as sql:
            return true_time(at, *tables.times_of(sql))

    def is_sure_of_time(self, boot: str) -> bool:
        """Return whether the service's clock was heard in this boot, and something else says the same."""
        with self.shelf.look() as sql:
            return is_confirmed(tables.times_of(sql)[0], boot)

    def fact(self, name: str, default: str | float | None = None) -> str | float | None:
        """Return what is remembered under a name."""
        with self.shelf.look() as sql:
            value: str | float | None = tables.fact_of(sql, name, default)
            return value

    def remember(self, **facts: str | float | None) -> None:
        """Remember facts."""
        self._pressing(lambda sql: set_facts(sql, **facts))

    def count(self, name: str, number: int = 1) -> None:
        """Add to a count."""
        self._pressing(lambda sql: add_to(sql, name, number))
