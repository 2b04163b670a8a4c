"""The outlines of things: which pixels they cover, and where on the thing each pixel lies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from producer.render.texture import Field, cloud, enlarge

SIDE = 160
"""Items are made on a square of this many pixels and then turned and scaled into the picture."""


@dataclass(frozen=True)
class Form:
    """An item's geometry, each field float32 [160, 160].

    `mask` is 1 inside and 0 outside; `across` goes from -1 at the left edge to 1 at the right one; `along` from 0 at
    the top to 1 at the bottom. `roundness` in [0, 1] says how much light falls off towards the edges.
    """

    mask: Field
    across: Field
    along: Field
    roundness: float


Profile = tuple[tuple[float, float], ...]
"""Pairs of height (0 top to 1 bottom) and half width, of a thing as high as the square."""

BOTTLE: Profile = ((0, 0.085), (0.1, 0.085), (0.2, 0.1), (0.36, 0.26), (0.42, 0.28), (0.95, 0.28), (1, 0.24))
WINE: Profile = ((0, 0.07), (0.03, 0.085), (0.06, 0.07), (0.33, 0.075), (0.42, 0.2), (0.47, 0.22), (0.98, 0.22), (1, 0.2))
FLASK: Profile = ((0, 0.12), (0.12, 0.12), (0.13, 0.16), (0.2, 0.3), (0.3, 0.36), (0.92, 0.38), (1, 0.34))
JAR: Profile = ((0, 0.42), (0.12, 0.42), (0.13, 0.37), (0.18, 0.4), (0.25, 0.48), (0.93, 0.48), (1, 0.42))
CAN: Profile = ((0, 0.24), (0.03, 0.27), (0.08, 0.31), (0.92, 0.31), (0.97, 0.27), (1, 0.25))
TIN: Profile = ((0, 0.4), (0.02, 0.42), (0.98, 0.42), (1, 0.4))
CUP: Profile = ((0, 0.4), (0.04, 0.4), (0.05, 0.37), (1, 0.25))
TUB: Profile = ((0.22, 0.52), (0.27, 0.52), (0.28, 0.48), (0.78, 0.38), (0.8, 0.36))
CORE: Profile = ((0, 0.04), (0.08, 0.22), (0.2, 0.25), (0.38, 0.12), (0.6, 0.11), (0.8, 0.24), (0.93, 0.2), (1, 0.03))
FRUIT: Profile = ((0, 0.1), (0.06, 0.28), (0.2, 0.42), (0.45, 0.5), (0.7, 0.45), (0.9, 0.27), (1, 0.08))
PEAR: Profile = ((0, 0.06), (0.08, 0.16), (0.35, 0.24), (0.6, 0.4), (0.8, 0.42), (0.94, 0.3), (1, 0.06))
BANANA: Profile = ((0, 0.03), (0.08, 0.045), (0.16, 0.1), (0.5, 0.15), (0.85, 0.1), (0.95, 0.05), (1, 0.02))
CARROT: Profile = ((0, 0.06), (0.04, 0.13), (0.3, 0.12), (0.8, 0.05), (1, 0.01))
LEAF: Profile = ((0, 0.01), (0.15, 0.16), (0.4, 0.28), (0.65, 0.24), (0.88, 0.08), (0.9, 0.012), (1, 0.012))


def _axes() -> tuple[Field, Field]:
    axis = np.linspace(-1, 1, SIDE, dtype=np.float32)
    return axis[None, :], axis[:, None]


def _spread(column: NDArray[np.floating]) -> Field:
    return np.asarray(np.broadcast_to(column, (SIDE, SIDE)), np.float32)


def solid(profile: Profile, *, bend: float = 0.0, widen: float = 1.0, roundness: float = 1.0) -> Form:
    """Return what `profile` outlines around an upright axis; `bend` curves the axis sideways, in half sides."""
    x, y = _axes()
    along = (y / np.float32(0.94) + 1) / 2
    heights, widths = np.array(profile, np.float32).T
    half = np.interp(along, heights, widths * widen, left=0, right=0).astype(np.float32)
    off = x - np.float32(bend) * (y * y - np.float32(0.4))
    mask = np.clip((half - abs(off)) * (SIDE / 2) + 0.5, 0, 1) * (half > 0)
    across = np.clip(off / np.maximum(half, 0.01), -1, 1)
    return Form(mask.astype(np.float32), across.astype(np.float32), _spread(along), roundness)


def slab(rng: np.random.Generator, *, high: float, wide: float, ragged: float = 0.0) -> Form:
    """Return a four-cornered flat thing, a little askew; `high` and `wide` in half sides, `ragged` its edges' tearing."""
    x, y = _axes()
    skew, narrow = rng.uniform(-0.15, 0.15), rng.uniform(0, 0.15)
    half = np.float32(wide) * (1 - np.float32(narrow) * y)
    off = x - np.float32(skew) * y
    tear = np.float32(ragged) * cloud(rng, (SIDE, SIDE), 24) if ragged else np.float32(0)
    inside = np.minimum(half - abs(off), high - abs(y)) + tear
    mask = np.clip(inside * (SIDE / 2) + 0.5, 0, 1)
    along = _spread((y / np.float32(high) + 1) / 2)
    return Form(
        mask.astype(np.float32), np.clip(off / half, -1, 1).astype(np.float32), np.asarray(np.clip(along, 0, 1), np.float32), 0.15
    )


def blob(rng: np.random.Generator, *, size: float, lumps: int, rough: float, flat: float = 1.0) -> Form:
    """Return a lump of radius `size` half sides with `lumps` bumps of depth `rough`; `flat` squeezes its height."""
    x, y = _axes()
    y = y / np.float32(flat)
    turn = (np.arctan2(y, x) / (2 * np.pi) + 0.5).astype(np.float32)
    knots = rng.uniform(-1, 1, lumps).astype(np.float32)
    knots = np.append(knots, knots[0])
    edge = np.interp(turn, np.linspace(0, 1, lumps + 1), knots).astype(np.float32)
    radius = np.float32(size) * (1 - np.float32(rough) * (edge + 1) / 2)
    distance = np.sqrt(x * x + y * y)
    mask = np.clip((radius - distance) * (SIDE / 2) + 0.5, 0, 1)
    along = _spread(np.clip((y / np.float32(size) + 1) / 2, 0, 1))
    across = np.clip(x / radius * np.maximum(distance / radius, 0.3), -1, 1)
    return Form(mask.astype(np.float32), across.astype(np.float32), along, 0.6)


def dent(form: Form, rng: np.random.Generator, depth: float) -> Form:
    """Return `form` crushed sideways by up to `depth` half sides, as a thrown-away can or bottle is."""
    rows = enlarge(rng.uniform(-1, 1, (7, 1)).astype(np.float32), (SIDE, 1))[:, 0] * (depth * SIDE / 2)
    columns = np.clip(np.arange(SIDE)[None, :] + rows[:, None].astype(int), 0, SIDE - 1)
    line = np.arange(SIDE)[:, None]
    return Form(form.mask[line, columns], form.across[line, columns], form.along, form.roundness)
