"""A sensor's count of events over several calls of a command: a file with a number, changed by one process at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.errors import SettingsInvalid
from producer.device import Device


@contextmanager
def kept_sequence(device: Device, folder: Path) -> Iterator[None]:
    """Let the device go on counting where it stopped; raises SettingsInvalid if the count cannot be kept."""
    path = folder / f"{device.sensor_id}.sequence"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsInvalid(f"WASTE_STATE_DIR: {path} cannot be written: {error}") from None
    with os.fdopen(handle, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = file.read().strip()
        device.next_sequence = int(text) if text.isdigit() else 0
        try:
            yield
        finally:
            file.seek(0)
            file.truncate()
            file.write(f"{device.next_sequence}\n")
            file.flush()
            os.fsync(file.fileno())
