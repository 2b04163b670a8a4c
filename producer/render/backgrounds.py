"""Where the thing lies: in a bin, on a board, on grass, asphalt, or among leaves."""

import numpy as np
from PIL import Image

from producer.render.texture import Field, Rgb, cloud, enlarge, grain, paint, pick_colour

_BIN: tuple[Rgb, ...] = ((0.2, 0.21, 0.22), (0.14, 0.2, 0.16), (0.3, 0.3, 0.3), (0.16, 0.18, 0.28), (0.33, 0.27, 0.2))
_BOARD: tuple[Rgb, ...] = ((0.85, 0.85, 0.84), (0.75, 0.76, 0.78), (0.8, 0.76, 0.7))
_GRASS: tuple[Rgb, ...] = ((0.28, 0.4, 0.14), (0.4, 0.42, 0.2), (0.35, 0.3, 0.17))
_ASPHALT: tuple[Rgb, ...] = ((0.4, 0.4, 0.41), (0.3, 0.3, 0.3), (0.52, 0.5, 0.47))


def make_background(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Return a random background in RGB, `size` (width, height) in pixels."""
    shape = (size[1], size[0])
    makers = (_bin, _bin, _board, _grass, _asphalt, _litter)
    rgb = makers[int(rng.integers(len(makers)))](rng, (shape[0] * 2 // 3, shape[1] * 2 // 3))
    return Image.fromarray((np.clip(rgb, 0, 1) * 255).astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)


def _bin(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    """Inside walls that meet the floor in an edge, ribbed, scuffed and darker towards the depth."""
    y = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(0, 1, shape[1], dtype=np.float32)[None, :]
    edge = rng.uniform(0.15, 0.5) + rng.uniform(-0.2, 0.2) * x
    wall = 0.75 + 0.25 * (y > edge) - 0.3 * np.exp(-(((y - edge) / 0.03) ** 2))
    ribs = 0.08 * np.sin(x * np.float32(rng.uniform(20, 60))) * (y < edge)
    return paint(pick_colour(rng, _BIN, 0.03), wall + ribs + 0.15 * cloud(rng, shape, 12) + 0.05 * grain(rng, shape))


def _board(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    return paint(pick_colour(rng, _BOARD, 0.03), 1 + 0.06 * cloud(rng, shape, 3) + 0.03 * grain(rng, shape))


def _grass(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    blades = enlarge(grain(rng, (shape[0] // 8, shape[1] // 2)), shape)
    return paint(pick_colour(rng, _GRASS), 1 + 0.35 * blades + 0.25 * cloud(rng, shape, 20) + 0.1 * grain(rng, shape))


def _asphalt(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    stones = enlarge(grain(rng, (shape[0] // 2, shape[1] // 2)), shape)
    return paint(pick_colour(rng, _ASPHALT, 0.03), 1 + 0.16 * stones + 0.1 * cloud(rng, shape, 6) + 0.08 * grain(rng, shape))


def _litter(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    """Other rubbish, out of focus: patches of several colours."""
    first, second = pick_colour(rng, _BIN + _ASPHALT, 0.03), pick_colour(rng, _BIN + _GRASS + _BOARD, 0.03)
    patches = np.clip(cloud(rng, shape, 8) * 1.5 + 0.5, 0, 1)[..., None]
    rough = 1 + 0.1 * cloud(rng, shape, 25) + 0.05 * grain(rng, shape)
    return np.asarray(paint(first, rough) * patches + paint(second, rough) * (1 - patches), np.float32)
