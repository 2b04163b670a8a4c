"""Snapshots read back: no file is believed but by its digest."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from contracts.categories import Category
from contracts.errors import ObjectMissing, SnapshotDamaged
from contracts.lake import Snapshot, SnapshotKind, Snapshots
from contracts.ports import KeptObjects
from learning.datasets import Sample, Split
from learning.duplicates import THUMBNAIL_BYTES, prints_of
from learning.features import Features, labels_of
from learning.graph import WIDTH
from learning.lake.items import Item
from learning.lake.layout import LakeFile, files_of, snapshot_key
from learning.lake.parquet import SCHEMA_VERSION, read_items

FIELD = "field"
"""The `Sample.source` of all of the fleet's own items: who labelled them is no other place."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an item comes from; of a base picture only `source`, `labels` and, if it was kept, `image_url` are known.

    `source` says whose label it is, the others what the fleet made of the event; see `contracts.lake.LabelledEvent`.
    """

    source: str
    labels: int
    event_id: UUID | None
    sensor_id: str | None
    captured_at: datetime | None
    image_url: str | None
    decided: Category | None
    confidence: float | None
    kind: str | None
    model_version: str | None
    sampling_probability: float | None


@dataclass(frozen=True)
class LakeItems:
    """The usable items of a snapshot: `origins[i]` and `thumbnails[i]` (uint8 [n, 3072]) belong to row i of `features`.

    A sample's `path` names its item, uniquely within the snapshot, and is no file. Items of the field have the source `field`, the
    minute of their sensor as group, and are all in the split train: to set them apart is for who trains. `problems` counts the
    items without a usable picture, which are left out, by reason. `backbone` and `preprocessing` are what made the features.
    """

    snapshot: Snapshot
    features: Features
    origins: tuple[Origin, ...]
    thumbnails: NDArray[np.uint8]
    problems: Counter[str]

    @property
    def backbone(self) -> str:
        """The digest of the backbone's graph, as `learning.feature_cache.digest_of` has it."""
        return str(self.snapshot.manifest["backbone"])

    @property
    def preprocessing(self) -> str:
        """The name of the preprocessing."""
        return str(self.snapshot.manifest["preprocessing"])

    def prints(self) -> NDArray[np.float32]:
        """Return the thumbprints float32 [n, 3072] that `learning.duplicates.near_duplicates` takes."""
        return prints_of(self.thumbnails)


def read_snapshot(snapshot_id: str, snapshots: Snapshots, objects: KeptObjects) -> LakeItems:
    """Return a snapshot's items; takes about 9 KB of memory an item.

    Raises SnapshotRefused for one that is not there, SnapshotDamaged if a file is missing or another, ObjectStoreUnavailable and
    LedgerUnavailable.
    """
    snapshot = snapshots.get(snapshot_id)
    items = sum(file.rows for file in files_of(snapshot.manifest))
    values, thumbnails = np.empty((items, WIDTH), np.float32), np.empty((items, THUMBNAIL_BYTES), np.uint8)
    rows: list[tuple[Sample, Origin, str]] = []
    problems: Counter[str] = Counter()
    for item in items_of(snapshot, objects):
        if item.features is None or item.thumbnail is None or item.image_sha256 is None:
            problems[item.problem.partition(":")[0]] += 1
            continue
        values[len(rows)], thumbnails[len(rows)] = np.frombuffer(item.features, "<f2"), np.frombuffer(item.thumbnail, np.uint8)
        rows.append((sample_of(item, snapshot), _origin(item), item.image_sha256))
    samples = tuple(sample for sample, _, _ in rows)
    features = Features(samples, values[: len(rows)], labels_of(samples), tuple(digest for _, _, digest in rows))
    return LakeItems(snapshot, features, tuple(origin for _, origin, _ in rows), thumbnails[: len(rows)], problems)


def items_of(snapshot: Snapshot, objects: KeptObjects) -> Iterator[Item]:
    """Yield all of a snapshot's items, also those without a usable picture; raises SnapshotDamaged and ObjectStoreUnavailable."""
    check_schema(snapshot)
    for file in files_of(snapshot.manifest):
        yield from read_file(snapshot.snapshot_id, file, objects)


def check_schema(snapshot: Snapshot) -> None:
    """Raise SnapshotDamaged if this program does not know a snapshot's schema."""
    if (found := snapshot.manifest.get("schema_version")) != SCHEMA_VERSION:
        raise SnapshotDamaged(f"{snapshot.snapshot_id} has the schema {found}, and this program reads {SCHEMA_VERSION}")


def read_file(snapshot_id: str, file: LakeFile, objects: KeptObjects) -> list[Item]:
    """Return the items of a file; raises SnapshotDamaged if it is missing or another, and ObjectStoreUnavailable."""
    data = verified(snapshot_id, file, objects)
    items = list(read_items(data, date.fromisoformat(file.date), file.source))
    if len(items) != file.rows:
        raise SnapshotDamaged(f"{snapshot_key(snapshot_id, file.path)} has {len(items)} rows, and its manifest says {file.rows}")
    return items


def verified(snapshot_id: str, file: LakeFile, objects: KeptObjects) -> bytes:
    """Return the bytes of a file; raises SnapshotDamaged if it is missing or another, and ObjectStoreUnavailable."""
    key = snapshot_key(snapshot_id, file.path)
    try:
        data = objects.get(key, file.size_bytes)
    except ObjectMissing as error:
        raise SnapshotDamaged(f"{key}: {error.detail}") from error
    if (found := hashlib.sha256(data).hexdigest()) != file.sha256:
        raise SnapshotDamaged(f"{key} has the SHA-256 {found}, and its manifest says {file.sha256}")
    return data


def sample_of(item: Item, snapshot: Snapshot) -> Sample:
    """Return an item as a sample; its path is no file."""
    category = Category(item.actual) if item.actual else None
    if snapshot.kind is SnapshotKind.FIELD:
        return Sample(Path(FIELD) / item.name, FIELD, category, Split.TRAIN, item.group)
    part = Split(item.part) if item.part else None
    split = Split(item.split) if item.split else Split.TRAIN
    return Sample(Path(str(snapshot.manifest["name"])) / item.name, item.source, category, split, item.group, part)


def _origin(item: Item) -> Origin:
    told: dict[str, Any] = {
        name: getattr(item, name) for name in Origin.__dataclass_fields__ if name not in {"event_id", "decided"}
    }
    return Origin(
        event_id=UUID(item.event_id) if item.event_id else None,
        decided=Category(item.decided) if item.decided else None,
        **told,
    )
