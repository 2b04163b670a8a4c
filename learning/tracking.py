"""What was tried and what it gave: one folder a run, readable without any program."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from learning.files import write_whole

RECORD = "run.json"
MODEL = "model.onnx"


@dataclass(frozen=True)
class Run:
    """The folder of one run: `run.json` (parameters, data, figures), the model and the plots.

    `run.json` appears last: a folder without it is a run that did not end.
    """

    folder: Path

    @classmethod
    def begin(cls, root: Path, version: str, now: datetime) -> Self:
        """Make the folder of a run, named after the time and the model's version; raises OSError."""
        stem = f"{now:%Y%m%dT%H%M%S}-{version}"
        for number in range(1, 1000):
            folder = root / (stem if number == 1 else f"{stem}-{number}")
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                continue
            return cls(folder)
        raise FileExistsError(root / stem)

    def keep(self, file: Path, name: str | None = None) -> Path:
        """Copy a file into the folder and return where it lies."""
        return Path(shutil.copyfile(file, self.folder / (name or file.name)))

    def end(self, record: Mapping[str, Any]) -> Path:
        """Write `run.json` and return its path."""
        path = self.folder / RECORD
        write_whole((json.dumps(record, indent=1, default=str) + "\n").encode(), path)
        return path


def flat_figures(record: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the numbers of a record by dotted names, as experiment servers take them; lists are left out."""
    found: dict[str, float] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            found |= flat_figures(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[f"{prefix}{name}"] = float(value)
    return found
