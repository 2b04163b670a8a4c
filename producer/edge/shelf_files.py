"""The outbox's files on the disk: who may read them, and how another program does."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from contracts.errors import SettingsInvalid


def read_only(path: Path) -> sqlite3.Connection:
    """Return a connection that another program may have beside the one that writes; raises sqlite3.Error."""
    sql = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)
    sql.text_factory = readable_text
    return sql


def readable_text(data: bytes) -> str:
    """Return a text of the outbox; what a worn card has made of it must not keep a whole table from being read."""
    return data.decode(errors="replace")


def make_private(path: Path) -> None:
    """Make the file, or make an older one, such that its owner alone may read it; SQLite gives its log the same rights."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        for ending in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + ending).chmod(0o600)
    except OSError as error:
        raise SettingsInvalid(f"WASTE_STATE_DIR: {path} cannot be used: {error.strerror}") from None


def flush(path: Path) -> None:
    """Have a file, or a folder's names, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
