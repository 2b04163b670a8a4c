"""Model files of the registry on this machine's disk, so that a worker that has to go back needs no object store for it."""

import hashlib
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from contracts.errors import ModelUnusable
from contracts.models import MOST_MODEL_BYTES, ModelFile
from contracts.ports import KeptObjects

_KEPT = 8
_COMING, _ABANDONED_S = ".coming-", 3600.0


class ModelCache:
    """Several processes may use a folder at once, and it may be deleted at any time: no file is believed but by its digest."""

    def __init__(self, folder: Path, objects: KeptObjects) -> None:
        """Keep files in `folder`, which is made when needed, and get them from `objects`."""
        self._folder, self._objects = folder, objects

    def path_of(self, file: ModelFile) -> Path:
        """Return where a model's file lies on this machine, getting it if need be.

        Raises ObjectStoreUnavailable, ObjectMissing, and ModelUnusable if what lies there is another file or the disk takes none.
        """
        path = self._place_of(file)
        try:
            if not self._is_whole(path, file.sha256):
                self._write(path, self._got(file))
            os.utime(path)
            with suppress(FileNotFoundError):  # another process forgets, too
                self._forget_old()
        except OSError as error:
            raise ModelUnusable(f"{path}: {error.strerror or error}") from error
        return path

    def holds(self, file: ModelFile) -> bool:
        """Return whether a file of that name lies here; `path_of` looks whether it is whole."""
        return self._place_of(file).exists()

    def _place_of(self, file: ModelFile) -> Path:
        return self._folder / f"{file.sha256}.onnx"

    def _got(self, file: ModelFile) -> bytes:
        body = self._objects.get(file.object_key, MOST_MODEL_BYTES)
        if (found := hashlib.sha256(body).hexdigest()) != file.sha256:
            raise ModelUnusable(f"{file.object_key} has the SHA-256 {found}, and the registry says {file.sha256}")
        return body

    def _is_whole(self, path: Path, sha256: str) -> bool:
        try:
            return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
        except FileNotFoundError:
            return False

    def _write(self, path: Path, body: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=_COMING, delete=False) as file:
            try:
                file.write(body)
                file.flush()
            except OSError:  # it is tried again in seconds: on a full disk each try would leave its part
                Path(file.name).unlink(missing_ok=True)
                raise
        Path(file.name).replace(path)

    def _forget_old(self) -> None:
        files = sorted(self._folder.glob("*.onnx"), key=lambda one: one.stat().st_mtime, reverse=True)
        for old in files[_KEPT:]:
            old.unlink(missing_ok=True)
        for half in self._folder.glob(f"{_COMING}*"):  # of a process that was killed while it wrote
            if time.time() - half.stat().st_mtime > _ABANDONED_S:
                half.unlink(missing_ok=True)


def default_model_folder() -> Path:
    """Return where model files are kept unless another folder is named."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "waste" / "models"
