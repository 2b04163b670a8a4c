"""The file that a bin's pictures and events lie in until the gateway has them: SQLite, such that a lost supply loses nothing."""

import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from contracts.errors import FleetError, SettingsInvalid
from producer.edge.salvage import finish_mending, mend
from producer.edge.shelf_files import make_private, readable_text

PAGE_BYTES = 4096
_WAL_BYTES = 2 * 2**20
_WAL_PAGES = 64
"""The log goes into the file this early: on a full disk one that waits for the file to grow could never be shortened."""
BALLAST_BYTES = 2**20
_SCHEMA = """
CREATE TABLE IF NOT EXISTS captures (
    sequence INTEGER PRIMARY KEY, event_id BLOB NOT NULL UNIQUE, name TEXT NOT NULL,
    boot TEXT NOT NULL, since_boot_s REAL NOT NULL, wall_s REAL NOT NULL,
    content_type TEXT NOT NULL, size INTEGER NOT NULL, near INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'waiting',
    image_url TEXT, body BLOB, remade INTEGER NOT NULL DEFAULT 0, why TEXT
);
CREATE INDEX IF NOT EXISTS captures_by_state ON captures (state, sequence);
CREATE INDEX IF NOT EXISTS captures_by_worth ON captures (state, near DESC, sequence);
CREATE TABLE IF NOT EXISTS images (sequence INTEGER PRIMARY KEY, image BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS taken (source BLOB PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gaps (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS boots (number INTEGER PRIMARY KEY, boot TEXT NOT NULL UNIQUE, last_s REAL NOT NULL);
CREATE TABLE IF NOT EXISTS anchors (
    number INTEGER PRIMARY KEY, boot TEXT NOT NULL, since_boot_s REAL NOT NULL, server_s REAL NOT NULL,
    error_s REAL NOT NULL, wall_s REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS answers (
    event_id BLOB PRIMARY KEY, category TEXT NOT NULL, confidence REAL NOT NULL, model TEXT NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0,
    asked INTEGER NOT NULL DEFAULT 0, ask_at_s REAL NOT NULL DEFAULT 0, fleet_outcome TEXT, fleet_category TEXT
) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


class ShelfFull(FleetError):
    """There is no room on the disk."""

    reason = "disk_full"


class ShelfBroken(FleetError):
    """The outbox cannot be read or written."""

    reason = "outbox_broken"

    def __init__(self, detail: str = "", *, damaged: bool = False) -> None:
        """`damaged` is whether the file itself is, not what is around it."""
        super().__init__(detail)
        self.damaged = damaged


class Shelf:
    """One connection for all threads of the program. Each `change` is one transaction, and on the disk when it ends."""

    def __init__(self, path: Path, *, most_pages: int = 0) -> None:
        """Open or make the file; of a damaged one a new one takes what can be read, and people may look at the old one.

        `most_pages` of 4 KB are the size that it never exceeds (0: no bound). Raises SettingsInvalid.
        """
        self.path, self.lock = path, threading.RLock()
        self.laid_aside: Path | None = None
        self.salvaged = 0
        self._suspect, self._ballast = path.with_name(f"{path.name}.suspect"), path.with_name(f"{path.name}.ballast")
        try:
            self.sql = self._open_or_mend(most_pages)
        except sqlite3.OperationalError as error:
            # On a full disk not even the log can be begun, and without it nothing could be sent that would make room.
            if not self._give_ballast():
                raise SettingsInvalid(f"WASTE_STATE_DIR: {path} cannot be used: {error}") from None
            try:
                self.sql = self._open_or_mend(most_pages)
            except sqlite3.OperationalError as again:
                raise SettingsInvalid(f"WASTE_STATE_DIR: {path} cannot be used: {again}") from None
        status = path.stat()
        self._file = status.st_dev, status.st_ino
        self._suspect.unlink(missing_ok=True)
        self.take_ballast()

    def _open_or_mend(self, most_pages: int) -> sqlite3.Connection:
        finish_mending(self.path)
        try:
            return _open(self.path, most_pages, look_closely=self._suspect.exists())
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            self.laid_aside, self.salvaged = mend(self.path, partial(_open, most_pages=most_pages))
            return _open(self.path, most_pages)

    def must_be_in_place(self) -> None:
        """Raise ShelfBroken if the file is not where it was: what went into one that was deleted would be gone with the program."""
        try:
            status = self.path.stat()
            found = status.st_dev, status.st_ino
        except FileNotFoundError:
            found = None
        except OSError:
            return
        if found != self._file:
            what = "was deleted" if found is None else "was replaced"
            raise ShelfBroken(f"{self.path} {what} while the program ran; pictures stay where they are", damaged=True)

    def take_ballast(self) -> bool:
        """Hold some room back, of which only what makes room may live; return whether it is held."""
        try:
            if self._ballast.exists():
                return True
            if shutil.disk_usage(self.path.parent).free < 2 * BALLAST_BYTES:
                return False
            handle = os.open(self._ballast, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(handle, 0, BALLAST_BYTES)
            finally:
                os.close(handle)
        except OSError:
            self._ballast.unlink(missing_ok=True)
            return False
        return True

    def press(self) -> bool:
        """Give back the room that was held back and shorten the log into it; return whether there was some."""
        if not self._give_ballast():
            return False
        with self.lock, suppress(sqlite3.Error):
            self.sql.execute("PRAGMA wal_checkpoint(RESTART)")
        return True

    def _give_ballast(self) -> bool:
        try:
            self._ballast.unlink()
        except OSError:
            return False
        return True

    def free_bytes(self) -> int:
        """Return how many bytes of the file itself are free: they are used again before it grows."""
        with self.look() as sql:
            return int(sql.execute("PRAGMA freelist_count").fetchone()[0]) * PAGE_BYTES

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection for one transaction; raises ShelfFull and ShelfBroken, and then nothing was changed."""
        with self.lock, self._errors():
            self.sql.execute("BEGIN IMMEDIATE")
            try:
                yield self.sql
                self.sql.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    if self.sql.in_transaction:
                        self.sql.execute("ROLLBACK")
                raise

    @contextmanager
    def look(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection for reading; raises ShelfBroken."""
        with self.lock, self._errors():
            yield self.sql

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            # On a full disk some file systems fail the write itself, and SQLite then speaks of I/O.
            # Errors of the library for Python itself have no code.
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            full = code & 0xFF == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_WRITE
            raise (ShelfFull if full else ShelfBroken)(str(error)) from error
        except sqlite3.DatabaseError as error:
            with suppress(OSError):
                self._suspect.touch(0o600)
            raise ShelfBroken(str(error), damaged=True) from error

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self.sql.close()


def _open(path: Path, most_pages: int, *, look_closely: bool = False) -> sqlite3.Connection:
    make_private(path)
    sql = sqlite3.connect(path, timeout=10.0, isolation_level=None, check_same_thread=False)
    sql.text_factory = readable_text
    try:
        sql.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        sql.execute("PRAGMA journal_mode = WAL")
        # FULL: a commit in the log is on the disk before it is answered; NORMAL would lose the last ones with the supply.
        sql.execute("PRAGMA synchronous = FULL")
        sql.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        sql.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        # Some builds overwrite what is deleted: on a full disk that would need as much room in the log as is won.
        sql.execute("PRAGMA secure_delete = OFF")
        if most_pages:
            sql.execute(f"PRAGMA max_page_count = {most_pages}")
        sql.executescript(_SCHEMA)
        if look_closely and (found := sql.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)
    except sqlite3.Error:
        sql.close()
        raise
    return sql
