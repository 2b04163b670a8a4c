"""Pictures of one moment that landed in different splits: a model that has trained on one knows the other.

Two pictures are near-duplicates when their thumbnails correlate after the light has been taken out of them, which is a
surface of second order in each colour. On TrashNet 0.87 finds the bursts of one object (ten pairs across its splits, all of
them true); below it come first pairs of like shapes on the same board. A picture with little in it, as one of ten is there,
needs more: its copy at another quality (JPEG 20) is at most 141 grey levels away from it, the nearest other picture 207.
Files of the same bytes are copies whatever they show.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contracts.errors import FleetError
from learning.datasets import NONE_OF_THE_FIVE, DatasetInvalid, Sample, Split
from learning.preprocessing import Decode
from learning.progress import bar

ALIKE_FROM = 0.87
_SIDE = 32
THUMBNAIL_BYTES = 3 * _SIDE * _SIDE
_QUIET = 64.0
"""What is added to a thumbnail's contrast, in grey levels of all its pixels together: an empty board is like no other one."""
_SAVED_AGAIN = 150.0
"""How far, in the same grey levels, a picture of little contrast may be from its copy."""
_ROWS_AT_ONCE = 512
_SHOWN = 5


@dataclass(frozen=True)
class Pair:
    """Two near-duplicates and their correlation, up to 1."""

    first: Sample
    second: Sample
    alike: float


def thumbprints(samples: Sequence[Sample], decode: Decode) -> NDArray[np.float32]:
    """Return one row of unit length or less for each picture, float32 [n, 3072]; raises `DatasetInvalid` with the file's name."""
    with bar(samples, "thumbnails") as shown:
        rows = [_read_thumbnail(sample, decode) for sample in shown]
    return prints_of(np.stack(rows) if rows else np.zeros((0, THUMBNAIL_BYTES), np.uint8))


def prints_of(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the thumbprints of thumbnails uint8 [n, 3072], as `thumbprints` does."""
    if not len(thumbnails):
        return np.zeros((0, THUMBNAIL_BYTES), np.float32)
    pixels = thumbnails.astype(np.float32).reshape(len(thumbnails), _SIDE * _SIDE, 3)
    plain = _flattened(pixels).reshape(len(thumbnails), -1)
    return np.asarray(plain / (np.linalg.norm(plain, axis=1, keepdims=True) + _QUIET), np.float32)


def thumbnail_of(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a decoded picture uint8 [224, 224, 3] as the thumbnail uint8 [3072] that its thumbprint is made of."""
    return np.asarray(Image.fromarray(picture).resize((_SIDE, _SIDE), Image.Resampling.BOX), np.uint8).reshape(-1)


def near_duplicates(samples: Sequence[Sample], prints: NDArray[np.float32], digests: Sequence[str] | None = None) -> list[Pair]:
    """Return the pairs that are alike or the same file, each once, the most alike first; raises `DatasetInvalid`.

    `digests` are of the files, which are read if it is None.
    """
    found = {
        (first, second): alike for start in range(0, len(samples), _ROWS_AT_ONCE) for first, second, alike in _alike(prints, start)
    } | dict.fromkeys(_exact_copies(_digests(samples) if digests is None else digests), 1.0)
    pairs = [Pair(samples[first], samples[second], alike) for (first, second), alike in found.items()]
    return sorted(pairs, key=lambda pair: -pair.alike)


def across_splits(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs of which one part tells a model something and the other judges it, or judges it more finally."""
    return [pair for pair in pairs if _finality(pair.first) != _finality(pair.second)]


def without_copies(samples: Sequence[Sample], pairs: Sequence[Pair]) -> list[Sample]:
    """Return the samples without one half of each pair across the splits: what judges last stays as it was."""
    copies = {min(pair.first, pair.second, key=_finality).path for pair in across_splits(pairs)}
    return [sample for sample in samples if sample.path not in copies]


def contradictions(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs that look alike and are called different things: one label of each must be wrong."""
    return [pair for pair in pairs if pair.first.category is not pair.second.category]


def labelled(pair: Pair) -> str:
    """Return both files of a pair with their labels."""
    return " and ".join(f"{one.path} ({one.category or NONE_OF_THE_FIVE})" for one in (pair.first, pair.second))


def _finality(sample: Sample) -> int:
    """Return 0 for what trains, 1 for what teaches outliers, 2 for what calibrates and 3 for what only judges."""
    if sample.split is Split.OOD:
        return 1 if sample.teaches_outliers else 3
    return {Split.TRAIN: 0, Split.VAL: 2, Split.TEST: 3}[sample.split]


def refuse(pairs: Sequence[Pair]) -> None:
    """Raise `DatasetInvalid` if a pair lies across the splits; one with two labels is told first, as it has to be mended first."""
    if found := across_splits(contradictions(pairs)):
        raise DatasetInvalid(
            f"{len(found)} pairs across the splits look alike under different labels, of which one must be wrong:"
            f" {_some([labelled(pair) for pair in found])}. Correct it, or leave one of the two pictures out"
        )
    if found := across_splits(pairs):
        shown = _some([f"{p.first.path} ({p.first.split}) and {p.second.path} ({p.second.split})" for p in found])
        raise DatasetInvalid(
            f"{len(found)} near-duplicates across the splits: {shown}. Give both the same group and split, or leave"
            " out the copies that train, or calibrate beside a test, with --drop-near-duplicates"
        )


def _some(texts: Sequence[str]) -> str:
    return "; ".join([*texts[:_SHOWN], *([f"and {len(texts) - _SHOWN} more"] if len(texts) > _SHOWN else [])])


def _alike(prints: NDArray[np.float32], start: int) -> Iterator[tuple[int, int, float]]:
    lengths = np.maximum(np.linalg.norm(prints[start:], axis=1), 1e-6)
    block = prints[start : start + _ROWS_AT_ONCE] @ prints[start:].T
    block_lengths = lengths[:_ROWS_AT_ONCE, np.newaxis] * lengths
    for row, column in np.argwhere(block >= ALIKE_FROM * block_lengths):
        if column <= row:
            continue
        alike, plainly = float(block[row, column]), float(block[row, column] / block_lengths[row, column])
        if alike >= ALIKE_FROM:
            yield start + int(row), start + int(column), alike
        elif _saved_again(float(lengths[row]), float(lengths[column]), plainly):
            yield start + int(row), start + int(column), plainly


def _saved_again(length: float, other_length: float, correlation: float) -> bool:
    """Return whether two pictures of little contrast are one, given the lengths of their prints and how these correlate."""
    contrast, other = (_QUIET * one / (1 - one) for one in (length, other_length))
    apart = math.sqrt(max(0.0, contrast**2 + other**2 - 2 * correlation * contrast * other))
    return min(contrast, other) >= _QUIET and apart <= _SAVED_AGAIN


def _digests(samples: Sequence[Sample]) -> Iterator[str]:
    for sample in samples:
        try:
            yield hashlib.sha256(sample.path.read_bytes()).hexdigest()
        except OSError as error:
            raise DatasetInvalid(f"{sample.path}: {error}") from error


def _exact_copies(digests: Iterable[str]) -> Iterator[tuple[int, int]]:
    seen: dict[str, list[int]] = {}
    for index, digest in enumerate(digests):
        before = seen.setdefault(digest, [])
        yield from ((first, index) for first in before)
        before.append(index)


def _read_thumbnail(sample: Sample, decode: Decode) -> NDArray[np.uint8]:
    try:
        return thumbnail_of(decode(sample.path.read_bytes()))
    except (OSError, FleetError) as error:
        raise DatasetInvalid(f"{sample.path}: {error}") from error


def _flattened(pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    """Take the best-fitting surface of second order out of thumbnails [n, 1024, 3]."""
    across, down = np.meshgrid(np.linspace(-1, 1, _SIDE), np.linspace(-1, 1, _SIDE))
    x, y = across.ravel(), down.ravel()
    surface = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)
    return np.asarray(pixels - surface @ (np.linalg.pinv(surface) @ pixels))
