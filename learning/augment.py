"""One training picture in another light, size, place and before another background: what a camera in the field may see."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from learning.backdrops import blob, board, ground
from learning.graph import SIDE_PX

Pixels = NDArray[np.uint8]

_GROUNDS = 250
_PRODUCE_PX = 160


@dataclass(frozen=True)
class Scene:
    """A training picture; `mask` cuts its object out, `fills` says that any part of it shows what it is."""

    picture: Image.Image
    mask: Image.Image | None = None
    fills: bool = False


class Augmenter:
    """Makes training pictures. The same seed makes the same ones."""

    def __init__(self, seed: int, *, paste: float, backgrounds: Sequence[Image.Image] = ()) -> None:
        """Paste a share `paste` of what can be cut out before grounds, and parts of `backgrounds` out of focus."""
        chance = np.random.default_rng(seed)
        self._grounds = [ground(chance, SIDE_PX) for _ in range(_GROUNDS)] if paste else []
        self._paste, self._backgrounds = paste, backgrounds

    def __call__(self, scene: Scene, chance: np.random.Generator) -> Pixels:
        """Return a picture as the model sees it, uint8 [224, 224, 3]."""
        if scene.mask is not None and chance.random() < self._paste:
            mask = scene.mask.resize(scene.picture.size, Image.Resampling.BILINEAR)
            picture = paste(scene.picture, mask, self._background(chance), chance)
        elif scene.fills and chance.random() < self._paste:
            part = crop(scene.picture, chance, least=0.08, stretch=1.25).resize((_PRODUCE_PX, _PRODUCE_PX))
            before = board(chance, SIDE_PX) if chance.random() < 0.4 else self._background(chance)
            picture = paste(part, Image.fromarray(blob(chance, _PRODUCE_PX)), before, chance)
        else:
            picture = _turn(crop(scene.picture, chance).resize((SIDE_PX, SIDE_PX)), chance)
        if chance.random() < 0.5:
            picture = ImageOps.mirror(picture)
        if chance.random() < 0.3:
            picture = ImageOps.flip(picture)
        return np.array(_relight(picture, chance))

    def _background(self, chance: np.random.Generator) -> Pixels:
        if self._backgrounds and chance.random() < 0.25:
            chosen = self._backgrounds[int(chance.integers(len(self._backgrounds)))]
            part = crop(chosen, chance, least=0.05, stretch=1.25).resize((SIDE_PX, SIDE_PX))
            return np.asarray(part.filter(ImageFilter.GaussianBlur(chance.uniform(1, 6))))
        return np.ascontiguousarray(np.rot90(self._grounds[chance.integers(len(self._grounds))], int(chance.integers(4))))


def crop(picture: Image.Image, chance: np.random.Generator, *, least: float = 0.45, stretch: float = 1.5) -> Image.Image:
    """Return a part of at least a share `least` of the area, its shape stretched by at most `stretch`."""
    width, height = picture.size
    for _ in range(10):
        area = width * height * chance.uniform(least, 1)
        shape = math.exp(chance.uniform(-math.log(stretch), math.log(stretch))) * width / height
        wide, high = int(math.sqrt(area * shape)), int(math.sqrt(area / shape))
        if 8 < wide <= width and 8 < high <= height:
            left, top = int(chance.integers(width - wide + 1)), int(chance.integers(height - high + 1))
            return picture.crop((left, top, left + wide, top + high))
    return picture


def paste(thing: Image.Image, mask: Image.Image, background: Pixels, chance: np.random.Generator) -> Image.Image:
    """Return `background` with what the mask cuts out of `thing` on it: turned, sized, lit, with or without a shadow."""
    made = Image.fromarray(background)
    angle = chance.uniform(0, 360)
    thing, mask = (one.rotate(angle, Image.Resampling.BILINEAR, expand=True) for one in (thing, mask))
    box = mask.getbbox()
    if box is None:
        return made
    thing, mask = thing.crop(box), mask.crop(box)
    scale = chance.uniform(0.45, 1.05) * SIDE_PX / max(thing.size)
    stretch = math.exp(chance.uniform(-0.3, 0.3))
    size = (max(8, int(thing.width * scale * stretch)), max(8, int(thing.height * scale / stretch)))
    thing, mask = thing.resize(size), mask.resize(size)
    x, y = (_place(length, chance) for length in size)
    if chance.random() < 0.5:
        darkness = chance.uniform(0.2, 0.6)
        shadow = mask.filter(ImageFilter.GaussianBlur(chance.uniform(2, 8))).point(lambda value: int(value * darkness))
        made.paste((10, 10, 10), (x + int(chance.integers(-6, 7)), y + int(chance.integers(-6, 7))), shadow)
    if chance.random() < 0.6:
        thing = ImageEnhance.Brightness(thing).enhance(chance.uniform(0.55, 1.25))
    made.paste(thing, (x, y), mask)
    return made


def _place(length: int, chance: np.random.Generator) -> int:
    """Return where a thing of `length` begins: anywhere in the picture, a little of it outside."""
    if length >= SIDE_PX:
        return int((SIDE_PX - length) * chance.random())
    return int(chance.uniform(-0.08, 1.08 - length / SIDE_PX) * SIDE_PX)


def _turn(picture: Image.Image, chance: np.random.Generator) -> Image.Image:
    if chance.random() < 0.5:
        return picture
    if chance.random() < 0.6:
        return picture.rotate(90 * int(chance.integers(1, 4)))
    corner = picture.getpixel((0, 0))
    return picture.rotate(chance.uniform(-25, 25), Image.Resampling.BILINEAR, fillcolor=corner)


def _relight(picture: Image.Image, chance: np.random.Generator) -> Image.Image:
    if chance.random() < 0.8:
        picture = ImageEnhance.Brightness(picture).enhance(chance.uniform(0.6, 1.35))
        picture = ImageEnhance.Contrast(picture).enhance(chance.uniform(0.65, 1.35))
        picture = ImageEnhance.Color(picture).enhance(chance.uniform(0.5, 1.5))
    if chance.random() < 0.5:
        tint = 1 + chance.normal(size=3) * np.array([0.09, 0.04, 0.12])
        picture = Image.fromarray(np.clip(np.asarray(picture, np.float32) * tint, 0, 255).astype(np.uint8))
    if chance.random() < 0.05:
        picture = ImageOps.grayscale(picture).convert("RGB")
    return _spoil(picture, chance)


def _spoil(picture: Image.Image, chance: np.random.Generator) -> Image.Image:
    """Blur, lose resolution, or compress, as bins' cameras do."""
    kind = chance.random()
    if kind < 0.15:
        picture = picture.filter(ImageFilter.GaussianBlur(chance.uniform(0.5, 2.0)))
    elif kind < 0.35:
        side = int(chance.uniform(60, 200))
        picture = picture.resize((side, side), Image.Resampling.BILINEAR).resize(picture.size, Image.Resampling.BILINEAR)
    if chance.random() < 0.2:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=int(chance.uniform(25, 80)))
        picture = Image.open(io.BytesIO(file.getvalue())).convert("RGB")
    return picture
