"""The same picture in other lights and places, for heads that have few pictures to learn from."""

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from learning.datasets import Sample
from learning.features import Extract, Features, digest_of, labels_of
from learning.scenes import load_scenes, make_augmenter


def extract_views(samples: Sequence[Sample], extract: Extract, count: int, seed: int = 0) -> Features:
    """Return the features of `count` views of each sample, with a progress bar on stderr; the same for the same seed.

    Nothing is pasted: a view is another part of the picture, turned, relit, blurred. Raises `DatasetInvalid` with a file's name.
    """
    scenes = load_scenes(samples)
    augment = make_augmenter(scenes, seed, 0.0)
    rows = [(view, index) for view in range(count) for index in range(len(samples))]
    values = [
        extract(augment(scenes[index], np.random.default_rng([seed, view, index]))[np.newaxis])[0]
        for view, index in tqdm(rows, desc="views", unit="picture", leave=False)
    ]
    seen = tuple(samples[index] for _, index in rows)
    return Features(seen, np.stack(values), labels_of(seen), tuple(digest_of(sample.path) for sample in seen))
