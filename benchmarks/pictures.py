"""The pictures that all contestants see: as a bin sends them, and as a phone takes them."""

import io
import random
from pathlib import Path

import numpy as np
from PIL import Image

from contracts.categories import CATEGORIES
from producer.render import render

SMALL_PX = (512, 384)
LARGE_PX = (4000, 3000)
_NOISE = 5.0
"""What a sensor adds; without it an enlarged picture would compress to a tenth of a photograph's size."""


def small_pictures(count: int, folder: Path | None) -> list[bytes]:
    """Return `count` JPEGs of 512 x 384: photographs out of `folder` where there is one, rendered ones otherwise."""
    if folder is None:
        return [render(CATEGORIES[number % len(CATEGORIES)], number, size=SMALL_PX) for number in range(count)]
    files = sorted(folder.rglob("*.jpg"))
    return [path.read_bytes() for path in random.Random(1).sample(files, count)]


def large_pictures(count: int, small: list[bytes]) -> list[bytes]:
    """Return `count` JPEGs of 12 megapixels, about 2 MB each, made of small ones."""
    return [_enlarge(small[number % len(small)], number) for number in range(count)]


def _enlarge(data: bytes, seed: int) -> bytes:
    image = Image.open(io.BytesIO(data)).convert("RGB").resize(LARGE_PX, Image.Resampling.BICUBIC)
    noise = np.random.default_rng(seed).normal(0, _NOISE, (LARGE_PX[1], LARGE_PX[0], 1)).astype(np.float32)
    file = io.BytesIO()
    Image.fromarray(np.clip(np.asarray(image, np.float32) + noise, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=82)
    return file.getvalue()
