"""From labelled pictures to arrays: decoded, run through the backbone once, with a fingerprint of what was seen."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from contracts.categories import CATEGORIES
from contracts.errors import FleetError
from learning.datasets import DatasetInvalid, Sample, Split
from learning.feature_cache import FeatureCache
from learning.graph import WIDTH
from learning.preprocessing import Decode
from learning.progress import bar

Extract = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""uint8 [n, 224, 224, 3] to float32 [n, 1280]."""
NO_LABEL = -1
_KEEP_EVERY = 200


@dataclass(frozen=True)
class Features:
    """Row i of `values` float32 [n, 1280] belongs to `samples[i]` and to `labels[i]`, an index in `CATEGORIES`.

    `labels` is int64 [n] with -1 for none of the five; `digests[i]` is the SHA-256 of the picture's file.
    """

    samples: tuple[Sample, ...]
    values: NDArray[np.float32]
    labels: NDArray[np.int64]
    digests: tuple[str, ...]

    def where(self, chosen: Callable[[Sample], bool]) -> Self:
        """Return the rows whose sample is `chosen`."""
        rows = [index for index, sample in enumerate(self.samples) if chosen(sample)]
        samples, digests = tuple(self.samples[i] for i in rows), tuple(self.digests[i] for i in rows)
        return type(self)(samples, self.values[rows], self.labels[rows], digests)

    def of(self, split: Split) -> Self:
        """Return the rows of one split."""
        return self.where(lambda sample: sample.split is split)

    def fingerprint(self) -> str:
        """Return the SHA-256 over every row's picture, label and split, whatever their order."""
        rows = zip(self.digests, self.labels.tolist(), self.samples, strict=True)
        lines = sorted(f"{digest} {label} {sample.split}\n" for digest, label, sample in rows)
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def extract_features(samples: Sequence[Sample], decode: Decode, extract: Extract, cache: FeatureCache | None = None) -> Features:
    """Return the features of every sample, in order, with a progress bar on stderr; those in `cache` are not computed again.

    Raises `DatasetInvalid` with the file's name if a picture cannot be read or decoded, or has no features of its own.
    """
    if not samples:
        raise DatasetInvalid("no pictures")
    digests: list[str] = []
    known: dict[str, NDArray[np.float32]] = {}
    fresh: dict[str, NDArray[np.float32]] = {}
    with bar(samples, "features") as shown:
        for sample in shown:
            data = _read(sample.path)  # once: a file that is replaced meanwhile is not kept under the digest of the other
            digests.append(digest := hashlib.sha256(data).hexdigest())
            if digest in known:
                continue
            known |= cache.get([digest]) if cache else {}
            if digest not in known:
                known[digest] = fresh[digest] = _extract_one(sample.path, data, decode, extract)
            if cache and len(fresh) >= _KEEP_EVERY:
                cache.put(fresh)
                fresh = {}
    if cache:
        cache.put(fresh)
    return Features(tuple(samples), np.stack([known[digest] for digest in digests]), labels_of(samples), tuple(digests))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetInvalid(f"{path}: {error}") from error


def _extract_one(path: Path, data: bytes, decode: Decode, extract: Extract) -> NDArray[np.float32]:
    try:
        row: NDArray[np.float32] = extract(decode(data)[np.newaxis])[0]
    except FleetError as error:
        raise DatasetInvalid(f"{path}: {error}") from error
    if row.shape != (WIDTH,) or not np.isfinite(row).all():
        found = f"of shape {row.shape}" if row.shape != (WIDTH,) else "that are no finite numbers"
        raise DatasetInvalid(f"{path}: the backbone makes features {found}, not {WIDTH} numbers")
    return row


def labels_of(samples: Iterable[Sample]) -> NDArray[np.int64]:
    """Return each sample's index in `CATEGORIES`, -1 for none of the five, as int64 [n]."""
    return np.array([NO_LABEL if s.category is None else CATEGORIES.index(s.category) for s in samples], np.int64)
