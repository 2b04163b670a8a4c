"""A snapshot's files again, from its id: verified, with a manifest.csv, and with the pictures if they are wanted."""

import csv
import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from contracts.errors import FleetError, Infrastructure, ObjectMissing, SnapshotDamaged, SnapshotRefused
from contracts.lake import Snapshot, SnapshotKind
from contracts.limits import MAX_IMAGE_BYTES
from contracts.ports import ImageSource, KeptObjects
from learning.datasets import FIELDS, MANIFEST, NONE_OF_THE_FIVE, PART
from learning.files import write_whole
from learning.lake.items import Item
from learning.lake.layout import MANIFEST_FILE, LakeFile, files_of, picture_key, snapshot_key
from learning.lake.parquet import read_items
from learning.lake.reading import check_schema, sample_of, verified
from learning.progress import bar
from learning.retrain.apart import split_of

_PICTURES = "pictures"
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_AT_ONCE = 8
_MOST_MANIFEST_BYTES = 200 * 2**20


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of it: items in the manifest.csv, those without a usable picture, and those whose picture is not there any more."""

    items: int
    unusable: int
    lost: Sequence[str]


@dataclass(frozen=True)
class Rebuilder:
    """Rebuilds snapshots. Raises SnapshotDamaged, ObjectStoreUnavailable and OSError."""

    objects: KeptObjects
    images: Callable[[], ImageSource]

    def rebuild(self, snapshot: Snapshot, folder: Path, *, pictures: bool = False) -> Rebuilt:
        """Write a snapshot into `folder`, which is new or empty; its manifest.csv comes last."""
        check_schema(snapshot)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise SnapshotRefused("folder", f"{folder} is there already and not empty")
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._checked_manifest(snapshot), folder / MANIFEST_FILE)
        images = self.images() if pictures and snapshot.kind is SnapshotKind.FIELD else None
        rows: list[list[str]] = []
        unusable, lost = 0, list[str]()
        with bar(files_of(snapshot.manifest), "files", "file") as shown, ThreadPoolExecutor(_AT_ONCE, "fetch") as pool:
            for file in shown:
                items = self._written(snapshot, file, folder)
                usable = [item for item in items if not item.problem]
                unusable += len(items) - len(usable)
                fetch = partial(self._fetched, folder=folder, images=images)
                there = list(pool.map(fetch, usable)) if pictures else [True] * len(usable)
                lost += [item.name for item, found in zip(usable, there, strict=True) if not found]
                rows += [_row(item, snapshot) for item, found in zip(usable, there, strict=True) if found]
        _write_rows(rows, folder / MANIFEST)
        return Rebuilt(len(rows), unusable, lost)

    def _written(self, snapshot: Snapshot, file: LakeFile, folder: Path) -> list[Item]:
        data = verified(snapshot.snapshot_id, file, self.objects)
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(data, folder / file.path)
        return list(read_items(data, date.fromisoformat(file.date), file.source))

    def _checked_manifest(self, snapshot: Snapshot) -> bytes:
        key = snapshot_key(snapshot.snapshot_id, MANIFEST_FILE)
        try:
            body = self.objects.get(key, _MOST_MANIFEST_BYTES)
            said: Any = json.loads(body)
        except (ObjectMissing, ValueError, RecursionError) as error:
            raise SnapshotDamaged(f"{key}: {error}") from error
        if said != snapshot.manifest:
            raise SnapshotDamaged(f"{key} is not the manifest that the snapshot was entered with")
        return body

    def _fetched(self, item: Item, folder: Path, images: ImageSource | None) -> bool:
        """Write an item's picture; False if it is gone or another one."""
        try:
            if images is None:
                data = self.objects.get(picture_key(item.image_sha256 or ""), MAX_IMAGE_BYTES)
            else:
                data = images.begin(item.image_url or "").result()
        except FleetError as error:
            if isinstance(error, Infrastructure):
                raise
            return False
        if hashlib.sha256(data).hexdigest() != item.image_sha256:
            return False
        path = folder / _file_of(item)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return True


def _file_of(item: Item) -> str:
    if item.file:
        return f"{_PICTURES}/{item.file}"
    suffix = PurePosixPath(item.image_url or "").suffix.lower()
    return f"{_PICTURES}/{item.event_id}{suffix if suffix in _SUFFIXES else ''}"


def _row(item: Item, snapshot: Snapshot) -> list[str]:
    sample = sample_of(item, snapshot)
    split = sample.split if snapshot.kind is SnapshotKind.BASE else split_of(sample)
    category = sample.category.value if sample.category else NONE_OF_THE_FIVE
    return [_file_of(item), sample.source, category, split.value, sample.group, sample.part.value if sample.part else ""]


def _write_rows(rows: list[list[str]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as lines:
        written = csv.writer(lines)
        written.writerow([*FIELDS, PART])
        written.writerows(rows)
