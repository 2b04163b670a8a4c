"""Pictures of one moment that landed in different splits: a model that has trained on one knows the other.

Two pictures are near-duplicates when their thumbnails correlate after the light has been taken out of them, which is a
surface of second order in each colour. On TrashNet 0.87 finds the bursts of one object (ten pairs across its splits, all of
them true); below it come first pairs of like shapes on the same board.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contracts.errors import FleetError
from learning.datasets import NONE_OF_THE_FIVE, DatasetInvalid, Sample, Split
from learning.progress import bar

ALIKE_FROM = 0.87
_SIDE = 32
_QUIET = 64.0
"""What is added to a thumbnail's contrast, in grey levels of all its pixels together: an empty board is like no other one."""
_ROWS_AT_ONCE = 512
_SHOWN = 5

Decode = Callable[[bytes], NDArray[np.uint8]]


@dataclass(frozen=True)
class Pair:
    """Two near-duplicates and their correlation, up to 1."""

    first: Sample
    second: Sample
    alike: float


def thumbprints(samples: Sequence[Sample], decode: Decode) -> NDArray[np.float32]:
    """Return one row of unit length or less for each picture, float32 [n, 3072]; raises `DatasetInvalid` with the file's name."""
    flatten = _flattening()
    with bar(samples, "thumbnails") as shown:
        rows = [_thumbnail(sample, decode) for sample in shown]
    if not rows:
        return np.zeros((0, 3 * _SIDE * _SIDE), np.float32)
    plain = np.einsum("ij,njc->nic", flatten, np.stack(rows)).reshape(len(rows), -1)
    return np.asarray(plain / (np.linalg.norm(plain, axis=1, keepdims=True) + _QUIET), np.float32)


def near_duplicates(samples: Sequence[Sample], prints: NDArray[np.float32]) -> list[Pair]:
    """Return the pairs that are alike, each once, the most alike first."""
    pairs = [
        Pair(samples[first], samples[second], alike)
        for start in range(0, len(samples), _ROWS_AT_ONCE)
        for first, second, alike in _alike(prints, start)
    ]
    return sorted(pairs, key=lambda pair: -pair.alike)


def across_splits(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs of which one part is trained on and the other judges."""
    return [pair for pair in pairs if (pair.first.split is Split.TRAIN) is not (pair.second.split is Split.TRAIN)]


def without_copies(samples: Sequence[Sample], pairs: Sequence[Pair]) -> list[Sample]:
    """Return the samples without the training half of each pair across the splits: what judges stays as it was."""
    copies = {one.path for pair in across_splits(pairs) for one in (pair.first, pair.second) if one.split is Split.TRAIN}
    return [sample for sample in samples if sample.path not in copies]


def contradictions(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs that look alike and are called different things: one label of each must be wrong."""
    return [pair for pair in pairs if pair.first.category is not pair.second.category]


def labelled(pair: Pair) -> str:
    """Return both files of a pair with their labels."""
    return " and ".join(f"{one.path} ({one.category or NONE_OF_THE_FIVE})" for one in (pair.first, pair.second))


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
            " out the training copies with --drop-near-duplicates"
        )


def _some(texts: Sequence[str]) -> str:
    return "; ".join([*texts[:_SHOWN], *([f"and {len(texts) - _SHOWN} more"] if len(texts) > _SHOWN else [])])


def _alike(prints: NDArray[np.float32], start: int) -> Iterator[tuple[int, int, float]]:
    block = prints[start : start + _ROWS_AT_ONCE] @ prints[start:].T
    for row, column in np.argwhere(block >= ALIKE_FROM):
        if column > row:
            yield start + int(row), start + int(column), float(block[row, column])


def _thumbnail(sample: Sample, decode: Decode) -> NDArray[np.float32]:
    try:
        picture = decode(sample.path.read_bytes())
    except (OSError, FleetError) as error:
        raise DatasetInvalid(f"{sample.path}: {error}") from error
    small = Image.fromarray(picture).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return np.asarray(small, np.float32).reshape(_SIDE * _SIDE, 3)


def _flattening() -> NDArray[np.float64]:
    """Return the matrix that takes the best-fitting surface of second order out of a thumbnail's pixels."""
    across, down = np.meshgrid(np.linspace(-1, 1, _SIDE), np.linspace(-1, 1, _SIDE))
    x, y = across.ravel(), down.ravel()
    surface = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)
    return np.asarray(np.eye(_SIDE * _SIDE) - surface @ np.linalg.pinv(surface))
