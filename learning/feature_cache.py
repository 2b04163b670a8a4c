"""Features that were computed before, on disk: retraining a head then costs seconds.

A cache is never believed more than it is worth: each row carries a checksum, and a file that cannot be used any more (damaged,
another program's, on a full disk) is told once on stderr and gone around.
"""

import hashlib
import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import onnx
from numpy.typing import NDArray

_SCHEMA = "CREATE TABLE IF NOT EXISTS features (picture BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"
_ASK_AT_ONCE = 500
_FORMAT = b"vector and checksum"
"""Part of the file's name, so that rows of another format are never read."""
_CHECKSUM = 8


class FeatureCache:
    """The features of one backbone and preprocessing, float32 [width] by the SHA-256 of a picture's file.

    Several processes may use a folder at once. It may be deleted at any time.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Use `connection`, open on the file at `path`, which is of this backbone alone; see `open`."""
        self._connection, self._path = connection, path
        self._usable = True

    @classmethod
    def open(cls, folder: Path, backbone: onnx.ModelProto, preprocessing: str) -> Self:
        """Open the cache of `backbone` in `folder`, which is made if need be; raises OSError or sqlite3.Error."""
        folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(_bytes_of(backbone) + preprocessing.encode() + _FORMAT).hexdigest()
        path = folder / f"{digest[:32]}.sqlite"
        connection = sqlite3.connect(path, timeout=30)
        try:
            connection.execute(_SCHEMA)
        except sqlite3.Error:
            connection.close()
            raise
        return cls(connection, path)

    def __enter__(self) -> Self:
        """Return the cache."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._connection.close()

    def get(self, pictures: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the features of those `pictures` (hex SHA-256) that are known and whole."""
        found: dict[str, NDArray[np.float32]] = {}
        for start in range(0, len(pictures), _ASK_AT_ONCE):
            asked = [bytes.fromhex(digest) for digest in pictures[start : start + _ASK_AT_ONCE]]
            found.update({picture.hex(): row for picture, kept in self._rows(asked) if (row := _whole(picture, kept)) is not None})
        return found

    def _rows(self, asked: Sequence[bytes]) -> list[tuple[bytes, object]]:
        if not self._usable:
            return []
        marks = ",".join("?" * len(asked))
        try:
            return self._connection.execute(f"SELECT picture, vector FROM features WHERE picture IN ({marks})", asked).fetchall()  # noqa: S608
        except sqlite3.Error as error:
            self._give_up(error)
            return []

    def put(self, features: dict[str, NDArray[np.float32]]) -> None:
        """Keep the features of pictures (hex SHA-256), in the place of what was kept of them."""
        if not self._usable:
            return
        pictures = {bytes.fromhex(digest): vector.astype(np.float32).tobytes() for digest, vector in features.items()}
        rows = [(picture, vector + _checksum(picture, vector)) for picture, vector in pictures.items()]
        try:
            with self._connection:
                self._connection.executemany("INSERT OR REPLACE INTO features VALUES (?, ?)", rows)
        except sqlite3.Error as error:
            self._give_up(error)

    def _give_up(self, error: sqlite3.Error) -> None:
        self._usable = False
        sys.stderr.write(f"waste learn: {self._path}: {error}; going on without this cache, which may be deleted\n")


def digest_of(backbone: onnx.ModelProto) -> str:
    """Return the SHA-256 (hex) of a backbone's graph: models whose heads alone differ have the same one."""
    return hashlib.sha256(_bytes_of(backbone)).hexdigest()


def _bytes_of(backbone: onnx.ModelProto) -> bytes:
    return bytes(backbone.SerializeToString(deterministic=True))


def _whole(picture: bytes, kept: object) -> NDArray[np.float32] | None:
    """Return the features in a row, or None where it is not what was written: they are computed again."""
    if not isinstance(kept, bytes) or len(kept) <= _CHECKSUM:
        return None
    vector = kept[:-_CHECKSUM]
    return np.frombuffer(vector, np.float32) if _checksum(picture, vector) == kept[-_CHECKSUM:] else None


def _checksum(picture: bytes, vector: bytes) -> bytes:
    return hashlib.blake2b(picture + vector, digest_size=_CHECKSUM).digest()


def default_cache_folder() -> Path:
    """Return where caches of this user go, by the XDG rules."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "waste" / "features"
