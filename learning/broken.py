"""Pictures as broken cameras make them: noise, one colour, stripes, out of focus, too dark, too bright, torn.

They show nothing, and a model that never met any is sure of them: noise was paper with 0.9. They teach the outlier head.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from learning.datasets import DatasetInvalid, Sample, Split
from learning.features import Extract
from learning.graph import SIDE_PX
from learning.preprocessing import Decode
from learning.progress import bar

Pixels = NDArray[np.uint8]
_PATCHES = (4, 7, 14)
_COUNT, _PHOTOGRAPHS = 420, 120


def broken(photographs: Sequence[Pixels], count: int, seed: int) -> list[Pixels]:
    """Return `count` pictures uint8 [224, 224, 3], every kind in turn; some are made of `photographs` of the same shape."""
    chance, makers = np.random.default_rng(seed), tuple(_MAKERS.values())
    return [_make(makers[number % len(makers)], photographs, chance) for number in range(count)]


def kinds_of(count: int) -> list[str]:
    """Return what is wrong with each of the pictures that `broken` makes."""
    kinds = tuple(_MAKERS)
    return [kinds[number % len(kinds)] for number in range(count)]


def extract_broken(samples: Sequence[Sample], decode: Decode, extract: Extract) -> NDArray[np.float32]:
    """Return the features [420, width] of pictures as broken cameras make them of training pictures; the same each time.

    Raises `DatasetInvalid` without training pictures.
    """
    teaching = [sample for sample in samples if sample.split is Split.TRAIN and sample.category]
    if not teaching:
        raise DatasetInvalid("training needs pictures in the split train")
    return broken_features([decode(one.path.read_bytes()) for one in teaching[:: max(1, len(teaching) // _PHOTOGRAPHS)]], extract)


def broken_features(photographs: Sequence[Pixels], extract: Extract) -> NDArray[np.float32]:
    """Return the features [420, width] of pictures as broken cameras make them of `photographs`; the same each time."""
    with bar(broken(photographs, _COUNT, seed=0), "broken cameras") as shown:
        return np.concatenate([extract(picture[np.newaxis]) for picture in shown])


def _make(kind: Callable[..., Pixels], photographs: Sequence[Pixels], chance: np.random.Generator) -> Pixels:
    if kind in _FROM_NOTHING:
        return np.asarray(kind(chance), np.uint8)
    return np.asarray(kind(photographs[int(chance.integers(len(photographs)))], chance), np.uint8)


def _noise(chance: np.random.Generator) -> Pixels:
    side = int(np.exp(chance.uniform(np.log(3), np.log(SIDE_PX))))
    values = chance.integers(0, 256, (side, side, 1 if chance.random() < 0.3 else 3))
    return _stretched(np.broadcast_to(values * chance.uniform(0.05, 1), (side, side, 3)), chance)


def _colour(chance: np.random.Generator) -> Pixels:
    colour = chance.choice([0, 128, 255], p=[0.4, 0.3, 0.3]) if chance.random() < 0.4 else chance.integers(0, 256, 3)
    grain = chance.normal(size=(SIDE_PX, SIDE_PX, 1)) * chance.choice([0, 2, 8])
    return np.asarray(np.clip(np.ones((SIDE_PX, SIDE_PX, 3)) * colour + grain, 0, 255), np.uint8)


def _stripes(chance: np.random.Generator) -> Pixels:
    lines = int(chance.integers(2, 60))
    values = np.broadcast_to(chance.integers(0, 256, (lines, 1, 3)), (lines, 8, 3))
    return _stretched(values if chance.random() < 0.5 else values.swapaxes(0, 1), chance)


def _unfocused(photograph: Pixels, chance: np.random.Generator) -> Pixels:
    return np.asarray(Image.fromarray(photograph).filter(ImageFilter.GaussianBlur(chance.uniform(14, 40))))


def _dark(photograph: Pixels, chance: np.random.Generator) -> Pixels:
    return np.asarray(photograph * chance.uniform(0, 0.06), np.uint8)


def _bright(photograph: Pixels, chance: np.random.Generator) -> Pixels:
    return np.asarray(np.clip(photograph * chance.uniform(4, 10) + chance.uniform(60, 180), 0, 255), np.uint8)


def _torn(photograph: Pixels, chance: np.random.Generator) -> Pixels:
    patches = int(chance.choice(_PATCHES))
    side = SIDE_PX // patches
    grid = photograph.reshape(patches, side, patches, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
    mixed = chance.permutation(grid).reshape(patches, patches, side, side, 3)
    return np.ascontiguousarray(mixed.swapaxes(1, 2).reshape(SIDE_PX, SIDE_PX, 3))


def _stretched(values: NDArray[np.generic], chance: np.random.Generator) -> Pixels:
    smooth = Image.Resampling.BILINEAR if chance.random() < 0.5 else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(values.astype(np.uint8)).resize((SIDE_PX, SIDE_PX), smooth))


_FROM_NOTHING = (_noise, _colour, _stripes)
_MAKERS: Mapping[str, Callable[..., Pixels]] = {
    "noise": _noise,
    "one colour": _colour,
    "stripes": _stripes,
    "out of focus": _unfocused,
    "too dark": _dark,
    "too bright": _bright,
    "torn": _torn,
}
