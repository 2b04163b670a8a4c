"""What a training is made of: the field's items, and what was known before them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning.datasets import Sample
from learning.features import Features
from learning.retrain.apart import joined, set_apart, without_near_duplicates


@dataclass(frozen=True)
class Part:
    """Features and, row by row, the thumbprints [n, 3072] that show copies."""

    features: Features
    prints: NDArray[np.float32]


@dataclass(frozen=True)
class Lesson:
    """All that one training sees; `snapshot_id` names the field's part of it, `left_out` counts copies that may not teach."""

    features: Features
    snapshot_id: str
    is_golden: Callable[[Sample], bool]
    left_out: int


def prepare(field: Part, before: Sequence[Part], snapshot_id: str) -> Lesson:
    """Set the field's pictures apart, put them beside what was known before, and leave out copies that would teach."""
    parts = [Part(set_apart(field.features), field.prints), *before]
    of_field = {sample.path for sample in field.features.samples}
    everything = joined([part.features for part in parts])
    features, kept = without_near_duplicates(everything, np.concatenate([part.prints for part in parts]))
    return Lesson(features, snapshot_id, lambda sample: sample.path not in of_field, int((~kept).sum()))
