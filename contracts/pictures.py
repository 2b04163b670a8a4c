"""What pictures are like, whatever they show. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

BRIM_CELLS = 12
"""The cells along the edge of a picture that is divided into four by four."""
BRIM_BYTES = BRIM_CELLS * 3
SKETCH_BYTES = 16
"""Of what a model sees in a picture; see `adapters.onnx.feature_sketch`."""


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """Measured on the pixels that a model sees, 224 by 224 in RGB; it tells a sick camera from a new kind of waste.

    `brightness` is the mean of green in [0, 1]. `sharpness` is how much nearest neighbours differ (the mean second difference along
    rows) for each unit by which pixels differ that lie eight apart: it falls with blur and dirt, hardly with the light or
    with what is shown; from 0, about 0.2 for a plain camera. `entropy` is that of the green values in 64 steps, in bits, from 0
    to 6. `brim` is how the picture's edge is coloured, which things thrown in hardly hide: of the twelve cells along it, row by
    row, red, green and blue as a byte each, 64 being the mean of all cells.
    """

    brightness: float
    sharpness: float
    entropy: float
    brim: bytes


class CameraFault(StrEnum):
    """What may be wrong with a bin's camera."""

    LENS_DIRTY = "lens_dirty"
    CAMERA_MOVED = "camera_moved"
    BIN_DARK = "bin_dark"


@dataclass(frozen=True, slots=True)
class SensorDay:
    """What a sensor's pictures of a day were like, in the units of `PictureFacts`.

    `brightness` and `sharpness` are lower quartiles, so that a fault shows after a quarter of the day; `entropy` and `confidence`
    medians, `categories` counts in the order of `CATEGORIES`, `brim` means of its 36 values.
    """

    sensor_id: str
    pictures: int
    brightness: float
    sharpness: float
    entropy: float
    confidence: float
    categories: Sequence[int]
    brim: Sequence[float]


class SensorHistory(Protocol):
    """What sensors' pictures are and were like. Raises LedgerUnavailable."""

    def sum_up(self, until: datetime, reach_days: int) -> int:
        """Sum up the complete days (UTC) of the `reach_days` before `until` that are not summed up yet; return how many."""

    def lately(self, since: datetime, until: datetime) -> list[SensorDay]:
        """Return what each sensor's pictures from `since` until `until` were like."""

    def usual(self, since: datetime, reach_days: int) -> list[SensorDay]:
        """Return each sensor's days of the `reach_days` before `since`, or before its open ticket, but for days under suspicion."""
