"""The small files in a service's data directory: its lock, its log, its secrets."""

import fcntl
import os
import secrets
import time
from pathlib import Path
from typing import Final

_POLL_S: Final = 0.02
_ROTATE_BYTES: Final = 16 * 1024 * 1024
_TAIL_BYTES: Final = 4_000


def private_directory(path: Path) -> Path:
    """Create the directory for this user only, parents included, and return its absolute path."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path.absolute()


def lock_directory(path: Path, timeout_s: float) -> int:
    """Lock the directory and return the lock's file descriptor.

    The lock lasts until the descriptor is closed here and in every child that has inherited it: so a directory stays
    locked while any process of its server is alive, even one that survived the server's main process.

    Raises:
        TimeoutError: another process held the lock for the whole time.

    """
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise TimeoutError(f"{path} is in use by another process") from None
            time.sleep(_POLL_S)
        else:
            return descriptor


def secret_file(path: Path, length: int = 24) -> str:
    """Return the secret in the file, which is made (mode 0600, `length` random bytes in URL-safe text) if missing."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(length))
    return path.read_text(encoding="ascii").strip()


def write_private(path: Path, text: str) -> None:
    """Replace the file by one that only this user can read (0600); never seen half written."""
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def rotate(path: Path) -> None:
    """Rename a log that has grown past 16 MiB to `NAME.1`, replacing the one of before."""
    if path.exists() and path.stat().st_size > _ROTATE_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))


def tail(path: Path, since: int = 0) -> str:
    """Return the last 4,000 bytes of the file, but nothing before the byte `since`; empty if there is no file."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(since, path.stat().st_size - _TAIL_BYTES))
        return file.read(_TAIL_BYTES).decode("utf-8", errors="replace").strip()
