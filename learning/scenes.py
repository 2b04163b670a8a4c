"""The pictures of one epoch of training: drawn by weight, made anew each time, the same for the same seed."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from contracts.categories import Category
from learning.augment import Augmenter, Scene
from learning.cutouts import cut_out
from learning.datasets import DatasetInvalid, Sample
from learning.rendered import RENDERED

_LONGEST_PX = 384
_BACKGROUNDS = 80
_LOOK_LIKE_BOARDS = frozenset({Category.PAPER, Category.GLASS, Category.PLASTIC})


def load_scenes(samples: Sequence[Sample]) -> list[Scene]:
    """Read the pictures, at most 384 pixels long, and cut out what lies on a board; raises `DatasetInvalid` with a file's name."""
    return [_load(sample) for sample in tqdm(samples, desc="cutting out", unit="picture", leave=False)]


def _load(sample: Sample) -> Scene:
    try:
        with Image.open(sample.path) as opened:
            opened.draft("RGB", (_LONGEST_PX, _LONGEST_PX))
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise DatasetInvalid(f"{sample.path}: {error}") from error
    picture.thumbnail((_LONGEST_PX, _LONGEST_PX))
    if sample.category is Category.ORGANIC and sample.source != RENDERED:
        return Scene(picture, fills=True)
    mask = None if sample.source == RENDERED else cut_out(picture, solid=sample.category in _LOOK_LIKE_BOARDS)
    return Scene(picture, mask)


def make_augmenter(scenes: Sequence[Scene], seed: int, paste: float) -> Augmenter:
    """Return what makes training pictures of these scenes, with parts of them for backgrounds."""
    return Augmenter(seed, paste=paste, backgrounds=[scene.picture for scene in scenes if scene.fills][:_BACKGROUNDS])


class Epoch(Dataset[tuple[Tensor, int]]):
    """`count` pictures with their labels, drawn from the scenes by their weight."""

    def __init__(
        self,
        scenes: Sequence[Scene],
        labels: NDArray[np.int64],
        weight: NDArray[np.float64],
        number: int,
        count: int,
        *,
        seed: int,
        augment: Augmenter,
    ) -> None:
        """Be epoch `number` of the run with this `seed`."""
        self.number, self._seed = number, seed
        self._scenes, self._labels, self._augment = scenes, labels, augment
        self._drawn = np.random.default_rng([seed, number]).choice(len(scenes), count, p=weight / weight.sum())

    def __len__(self) -> int:
        """Return how many pictures there are."""
        return len(self._drawn)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        """Return a picture uint8 [224, 224, 3] and its label."""
        index = int(self._drawn[place])
        chance = np.random.default_rng([self._seed, self.number, place])
        return torch.from_numpy(self._augment(self._scenes[index], chance)), int(self._labels[index])
