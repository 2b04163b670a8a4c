"""Files that appear under their name when they are whole, whoever else writes there at the same moment."""

import os
import tempfile
from pathlib import Path


def write_whole(data: bytes, path: Path) -> None:
    """Write a file, or leave the one that is there; what could not be written leaves nothing behind. Raises OSError."""
    # A name of its own: two runs that share one would move each other's half into place.
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".partial", delete=False) as file:
        partial_path = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            partial_path.chmod(0o666 & ~_mask())
            os.replace(partial_path, path)  # noqa: PTH105 - the atomic one
        finally:
            partial_path.unlink(missing_ok=True)


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
