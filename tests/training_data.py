"""Pictures and samples for tests of what is learned from."""

import numpy as np
from PIL import Image

from contracts.categories import Category
from learning.__main__ import main
from learning.datasets import Sample


def a_picture(path, seed, *, quality=90, shift=0, light=1.0):
    """Draw something of many shapes; the same seed draws the same, a little moved and lit as told."""
    chance = np.random.default_rng(seed)
    coarse = Image.fromarray(chance.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((320, 240), Image.Resampling.BICUBIC)
    pixels = np.roll(np.asarray(coarse, np.float64), shift, axis=1) * light
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, quality=quality)
    return path


def a_quiet_picture(path, seed, *, quality=95):
    """Draw a pale sheet on a board of nearly its colour."""
    chance = np.random.default_rng(seed)
    left, top = chance.integers(40, 160), chance.integers(30, 100)
    pixels = np.full((240, 320, 3), 215.0)
    pixels[top : top + 90, left : left + 120] += 7
    pixels += chance.normal(0, 1, pixels.shape)
    Image.fromarray(pixels.astype(np.uint8)).save(path, quality=quality)
    return path


def a_sample(path, split, category=Category.PAPER):
    return Sample(path, "s", category, split, str(path))


def trained(rendered, tmp_path, *more):
    """Train heads on `rendered` and return the model's file."""
    file = tmp_path / "m.onnx"
    assert main(["train", "--data", str(rendered), "--runs", str(tmp_path / "runs"), "--no-cache", "--out", str(file), *more]) == 0
    return file
