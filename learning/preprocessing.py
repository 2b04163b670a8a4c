"""What happens to a picture before a model sees it; the adapters have it, and `learning.__main__` gives it to this room."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Decode = Callable[[bytes], NDArray[np.uint8]]
"""Bytes of an image file to uint8 [224, 224, 3] RGB; the same function as in serving."""
Flatten = Callable[[Image.Image], Image.Image]
"""A picture of any mode as RGB in its own size, on white where it is transparent; a part of what `Decode` does."""


@dataclass(frozen=True)
class Preprocessing:
    """The one preprocessing, of training and of serving; `name` goes with each model that was trained with it."""

    name: str
    decode: Decode
    flatten: Flatten
