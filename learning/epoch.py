"""The pictures of one epoch of training: drawn by weight, made anew each time, the same for the same seed."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from learning.augment import Augmenter, Scene


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
