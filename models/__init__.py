"""The shipped model: the file, and the digest that it must have."""

import json
from importlib.resources import files
from pathlib import Path

REGISTER = "models.json"


def shipped_model() -> tuple[Path, str]:
    """Return the path and the SHA-256 (hex) of the model that workers load unless they are told of another."""
    folder = Path(str(files(__name__)))
    entry = json.loads((folder / REGISTER).read_text("utf-8"))["default"]
    return folder / entry["file"], entry["sha256"]
