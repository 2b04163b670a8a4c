"""Features that were computed before, on disk: retraining a head then costs seconds."""

import hashlib
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import onnx
from numpy.typing import NDArray

_SCHEMA = "CREATE TABLE IF NOT EXISTS features (picture BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"
_ASK_AT_ONCE = 500


class FeatureCache:
    """The features of one backbone and preprocessing, float32 [width] by the SHA-256 of a picture's file.

    Several processes may use a folder at once. It may be deleted at any time.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use `connection`, open on a file of this backbone alone; see `open`."""
        self._connection = connection

    @classmethod
    def open(cls, folder: Path, backbone: onnx.ModelProto, preprocessing: str) -> Self:
        """Open the cache of `backbone` in `folder`, which is made if need be; raises OSError or sqlite3.Error."""
        folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(backbone.SerializeToString(deterministic=True) + preprocessing.encode()).hexdigest()
        connection = sqlite3.connect(folder / f"{digest[:32]}.sqlite", timeout=30)
        connection.execute(_SCHEMA)
        return cls(connection)

    def __enter__(self) -> Self:
        """Return the cache."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._connection.close()

    def get(self, pictures: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the features of those `pictures` (hex SHA-256) that are known."""
        found = {}
        for start in range(0, len(pictures), _ASK_AT_ONCE):
            asked = [bytes.fromhex(digest) for digest in pictures[start : start + _ASK_AT_ONCE]]
            marks = ",".join("?" * len(asked))
            rows = self._connection.execute(f"SELECT picture, vector FROM features WHERE picture IN ({marks})", asked)  # noqa: S608
            found.update({picture.hex(): np.frombuffer(vector, np.float32) for picture, vector in rows})
        return found

    def put(self, features: dict[str, NDArray[np.float32]]) -> None:
        """Keep the features of pictures (hex SHA-256)."""
        rows = [(bytes.fromhex(digest), vector.astype(np.float32).tobytes()) for digest, vector in features.items()]
        with self._connection:
            self._connection.executemany("INSERT OR IGNORE INTO features VALUES (?, ?)", rows)


def default_cache_folder() -> Path:
    """Return where caches of this user go, by the XDG rules."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "waste" / "features"
