"""The outbox's files on the disk: who may read them, and how another program does."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from contracts.errors import SettingsInvalid


def read_only(path: Path) -> sqlite3.Connection:
    """Return a connection that another program may have beside the one that writes; raises sqlite3.Error."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)


def make_private(path: Path) -> None:
    """Make the file, or make an older one, such that its owner alone may read it; SQLite gives its log the same rights."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        for ending in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + ending).chmod(0o600)
    except OSError as error:
        raise SettingsInvalid(f"WASTE_STATE_DIR: {path} cannot be used: {error.strerror}") from None
