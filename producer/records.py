"""Files that tell what a fleet sent: the accepted ids, and what the pictures really show."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from contracts.errors import SettingsInvalid
from producer.uplink import Sent


class Records:
    """Writes a line an event after it was accepted, and sees to it that the line is on the disk."""

    def __init__(self, *, accepted: Path | None, truth: Path | None) -> None:
        """Begin both files anew; None writes none. Raises SettingsInvalid for one that cannot be written."""
        self._accepted, self._truth = _begin(accepted), _begin(truth)

    def write(self, sent: Iterable[Sent]) -> None:
        """Add events."""
        batch = list(sent)
        if self._accepted:
            _append(self._accepted, (str(one.capture.event_id) for one in batch))
        if self._truth:
            _append(self._truth, (json.dumps(_truth(one)) for one in batch if one.shot.truth))

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Close the files."""
        for file in (self._accepted, self._truth):
            if file:
                file.close()


def _begin(path: Path | None) -> IO[str] | None:
    if path is None:
        return None
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise SettingsInvalid(f"{path} cannot be written: {error.strerror}") from None


def _append(file: IO[str], lines: Iterable[str]) -> None:
    file.writelines(f"{line}\n" for line in lines)
    file.flush()
    os.fsync(file.fileno())


def _truth(sent: Sent) -> dict[str, object]:
    """Return a row as plants send it: `waste truth import` takes the file."""
    return {
        "event_id": str(sent.capture.event_id),
        "sensor_id": sent.shot.device.sensor_id,
        "observed_at": sent.capture.captured_at.isoformat(),
        "category": sent.shot.truth,
    }
