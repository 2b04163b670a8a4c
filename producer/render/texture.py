"""Random fields that surfaces and backgrounds are made of; all float32."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field: TypeAlias = NDArray[np.float32]
Shape: TypeAlias = tuple[int, int]
"""Rows and columns."""
Rgb: TypeAlias = tuple[float, float, float]
"""Each in [0, 1]."""


def enlarge(field: Field, shape: Shape, how: Image.Resampling = Image.Resampling.BILINEAR) -> Field:
    """Return `field` [h, w] resampled to `shape`."""
    return np.asarray(Image.fromarray(field).resize((shape[1], shape[0]), how), np.float32)


def cloud(rng: np.random.Generator, shape: Shape, cells: int) -> Field:
    """Return smooth noise of `shape`, about [-1, 1], with bumps of 1 / `cells` of the longer side."""
    longer = max(shape)
    small = (max(2, cells * shape[0] // longer + 1), max(2, cells * shape[1] // longer + 1))
    return enlarge(rng.uniform(-1, 1, small).astype(np.float32), shape)


def grain(rng: np.random.Generator, shape: Shape) -> Field:
    """Return noise of `shape` in [-1, 1), each pixel by itself."""
    raw = np.frombuffer(rng.bytes(shape[0] * shape[1]), np.uint8).reshape(shape)
    return raw.astype(np.float32) / np.float32(128) - np.float32(1)


def facets(rng: np.random.Generator, side: int, count: int) -> Field:
    """Return [side, side] in about [-1, 1]: `count` flat faces, each sloping its own way, as creases make them."""
    small = side // 2
    axis = np.linspace(-1, 1, small, dtype=np.float32)
    x, y = axis[None, :], axis[:, None]
    at = rng.uniform(-1, 1, (count, 2)).astype(np.float32)
    distance = (x[None] - at[:, 0, None, None]) ** 2 + (y[None] - at[:, 1, None, None]) ** 2
    nearest = distance.argmin(axis=0)
    level = rng.uniform(-0.8, 0.8, count).astype(np.float32)[nearest]
    slope = rng.uniform(-1.5, 1.5, (count, 2)).astype(np.float32)[nearest]
    tilted = level + slope[..., 0] * (x - at[nearest, 0]) + slope[..., 1] * (y - at[nearest, 1])
    return enlarge(tilted, (side, side))


def mix(first: Field, second: Field, share: Field | float) -> Field:
    """Return `first` where `share` is 0 and `second` where it is 1."""
    return np.asarray(first + (second - first) * np.float32(share), np.float32)


def colour(rgb: Rgb) -> Field:
    """Return `rgb` as an array [3]."""
    return np.array(rgb, np.float32)


def pick_colour(rng: np.random.Generator, choices: tuple[Rgb, ...], spread: float = 0.06) -> Field:
    """Return one of `choices`, a little changed, as [3] in [0, 1]."""
    chosen = colour(choices[int(rng.integers(len(choices)))])
    return np.asarray(np.clip(chosen + rng.uniform(-spread, spread, 3), 0, 1), np.float32)


def paint(rgb: Field, brightness: Field) -> Field:
    """Return the colour `rgb` [3] at each pixel's `brightness` [h, w], as [h, w, 3]."""
    return np.asarray(brightness[..., None] * rgb, np.float32)
