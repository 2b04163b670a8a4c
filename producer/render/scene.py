"""From a category and a seed to a photograph: background, thing, what lies over it, camera."""

import numpy as np
from PIL import Image, ImageFilter

from contracts.categories import CATEGORIES, Category
from producer.render.backgrounds import make_background
from producer.render.camera import expose, focus, light
from producer.render.items import make_item

HARD_SHARE = 0.2
"""How many scenes are hard to tell in one way or another: dim, blurred, noisy, or mostly covered."""
_SHADOW_PX = 4
_DRAWN = 1.6
"""Scenes are drawn this much smaller and enlarged at the end: a cheap lens shows no more, and it takes half the time."""


def render(
    category: Category, seed: int, *, drift: float = 0.0, size: tuple[int, int] = (512, 384), place: int | None = None
) -> bytes:
    """Return a photograph of one thing of `category` as a JPEG file, `size` (width, height) in pixels.

    Pictures of one `place` have one background, as those of a camera that nobody moves; without a place each has its own.

    The same arguments give the same bytes with the same Pillow and numpy. `drift` in [0, 1] is the share of things in
    packaging that looks like another category; the other things are not changed by it. Raises `ValueError` for a
    negative `seed`, a `drift` outside [0, 1] or a side under 64 pixels.
    """
    if seed < 0 or (place or 0) < 0 or not 0 <= drift <= 1 or min(size) < 64:
        raise ValueError(f"seed {seed}, drift {drift}, size {size}")
    rng = np.random.default_rng((CATEGORIES.index(category), seed))
    new = bool(rng.random() < drift)
    trouble = int(rng.integers(4)) if rng.random() < HARD_SHARE else None
    ground = rng if place is None else np.random.default_rng(place)
    scene = make_background(ground, (round(size[0] / _DRAWN), round(size[1] / _DRAWN)))
    item = make_item(rng, category, new=new)
    _place(rng, scene, item)
    _cover(rng, scene, hard=trouble == 0)
    scene = light(rng, scene, hard=trouble == 1).convert("YCbCr")
    scene = focus(rng, scene, size, hard=trouble == 2)
    return expose(rng, scene, hard=trouble == 3)


def _place(rng: np.random.Generator, scene: Image.Image, item: Image.Image) -> None:
    """Put `item` into `scene`, turned and scaled, with its shadow under it."""
    turned = _turn(rng, item, min(scene.size) * rng.uniform(0.65, 1.05))
    spare = (scene.width - turned.width, scene.height - turned.height)
    left, top = (round(s / 2 + rng.uniform(-0.1, 0.1) * min(scene.size)) for s in spare)
    alpha = turned.getchannel("A")
    small = alpha.resize((alpha.width // 4, alpha.height // 4), Image.Resampling.BOX).filter(ImageFilter.BoxBlur(2))
    shadow = small.resize(alpha.size, Image.Resampling.BILINEAR).point(lambda a: a * 0.55)
    scene.paste((8, 8, 10), (left + _SHADOW_PX, top + _SHADOW_PX), shadow)
    scene.paste(turned, (left, top), turned)


def _turn(rng: np.random.Generator, item: Image.Image, side: float) -> Image.Image:
    """Return `item` turned at random and scaled so that its square is `side` pixels wide."""
    turned = item.rotate(rng.uniform(0, 360), Image.Resampling.BILINEAR, expand=True)
    scale = side / item.width
    return turned.resize((round(turned.width * scale), round(turned.height * scale)), Image.Resampling.BILINEAR)


def _cover(rng: np.random.Generator, scene: Image.Image, *, hard: bool) -> None:
    """Lay another thing over a corner of every third scene, over half of it when `hard`."""
    if not hard and rng.random() > 0.3:
        return
    other = make_item(rng, CATEGORIES[int(rng.integers(len(CATEGORIES)))], new=False)
    turned = _turn(rng, other, min(scene.size) * (rng.uniform(0.6, 0.8) if hard else rng.uniform(0.35, 0.5)))
    reach = 0.3 if hard else 0.48
    angle = rng.uniform(0, 2 * np.pi)
    x, y = (0.5 + reach * np.cos(angle)) * scene.width, (0.5 + reach * np.sin(angle)) * scene.height
    scene.paste(turned, (round(x - turned.width / 2), round(y - turned.height / 2)), turned)
