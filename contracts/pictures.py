"""What pictures are like, whatever they show. Pure."""

from dataclasses import dataclass

BRIM_CELLS = 12
"""The cells along the edge of a picture that is divided into four by four."""
BRIM_BYTES = BRIM_CELLS * 3


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """Measured on the pixels that a model sees, 224 by 224 in RGB; it tells a sick camera from a new kind of waste.

    `brightness` is the mean of green in [0, 1]. `sharpness` is how much nearest neighbours differ (the mean second difference along
    rows) for each unit by which pixels differ that lie eight apart: it falls with blur and dirt, hardly with the light or
    with what is shown; from 0, about 0.2 for a plain camera. `entropy` is that of the green values in 64 steps, in bits, from 0
    to 6. `brim` is how the picture's edge is coloured, which things thrown in hardly hide: of the twelve cells along it, row by row,
    red, green and blue as a byte each, 64 being the mean of all cells.
    """

    brightness: float
    sharpness: float
    entropy: float
    brim: bytes
