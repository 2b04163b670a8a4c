"""Which pictures of the field teach, which calibrate and which examine: whole groups, and no copies across. Pure."""

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from learning.datasets import Sample, Split
from learning.duplicates import near_duplicates, without_copies
from learning.features import Features

TEACHING, CALIBRATING = 0.6, 0.15
"""Shares of the field's groups; what is left examines."""


def set_apart(field: Features) -> Features:
    """Return the field's pictures with a split each, by a digest of its group: the same group has the same in every training."""
    samples = tuple(replace(sample, split=split_of(sample)) for sample in field.samples)
    return Features(samples, field.values, field.labels, field.digests)


def split_of(sample: Sample) -> Split:
    """Return the split of a sample's group."""
    digest = hashlib.sha256(f"{sample.source}\n{sample.group}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < TEACHING:
        return Split.TRAIN
    return Split.VAL if place < TEACHING + CALIBRATING else Split.TEST


def joined(parts: list[Features]) -> Features:
    """Return the rows of all parts, in order."""
    return Features(
        tuple(sample for part in parts for sample in part.samples),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.labels for part in parts]),
        tuple(digest for part in parts for digest in part.digests),
    )


def without_near_duplicates(features: Features, prints: NDArray[np.float32]) -> tuple[Features, NDArray[np.bool_]]:
    """Return the rows without those that teach and are copies of one that calibrates or examines, and which rows those are [n].

    `prints` [n, 3072] are as of `learning.duplicates.thumbprints`. A row is told from another by its path.
    """
    pairs = near_duplicates(features.samples, prints, features.digests)
    left = {sample.path for sample in without_copies(features.samples, pairs)}
    kept = np.array([sample.path in left for sample in features.samples], bool)
    return features.where(lambda sample: sample.path in left), kept
