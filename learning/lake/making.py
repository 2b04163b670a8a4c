"""Snapshots of the field and of folders of pictures, made with one backbone."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from contracts.errors import ImageMissing, ImageTooLarge
from contracts.lake import LabelledEvents, Snapshot, SnapshotKind, Snapshots
from contracts.limits import MAX_IMAGE_BYTES
from contracts.ports import Clock, ImageSource, KeptObjects
from learning.datasets import read_manifests
from learning.feature_cache import FeatureCache
from learning.lake.earlier import Earlier
from learning.lake.items import Item, item_of_event, item_of_sample
from learning.lake.layout import picture_key
from learning.lake.looking import Eyes, Looker
from learning.lake.writing import SnapshotWriter
from learning.progress import bar

_EARLIER = 20
"""How many of the last snapshots are asked for what they know of pictures."""


@dataclass(frozen=True)
class Backbone:
    """What makes features: `digest` is of its graph (`learning.feature_cache.digest_of`), `version` of the model that it is of."""

    digest: str
    version: str
    preprocessing: str
    eyes: Eyes
    cache: FeatureCache | None = None

    def told(self) -> dict[str, object]:
        """Return what a manifest says of it; two snapshots fit together where digest and preprocessing are the same."""
        return {"backbone": self.digest, "preprocessing": self.preprocessing}


@dataclass(frozen=True)
class SnapshotMaker:
    """Makes snapshots; both methods show a progress bar.

    They raise SnapshotRefused without any item, ObjectStoreUnavailable, LedgerUnavailable, ModelUnusable and OSError. A picture
    that is missing or unreadable is counted and stops nothing.
    """

    labelled: LabelledEvents
    snapshots: Snapshots
    objects: KeptObjects
    images: Callable[[], ImageSource]
    backbone: Backbone
    clock: Clock

    def of_field(self, since: datetime | None = None, until: datetime | None = None) -> Snapshot:
        """Make a snapshot of what is known now of events captured from `since` until `until`."""
        known = self.labelled.read(since, until)
        images, backbone = self.images(), self.backbone
        earlier = Earlier(self.snapshots.newest(_EARLIER, SnapshotKind.FIELD), self.objects, backbone.told())

        def begin(item: Item) -> "Future[bytes]":
            return images.begin(item.image_url or "")

        looker = Looker(begin, backbone.eyes, images.check, backbone.cache, earlier=earlier.of)
        window = {"since": since and since.isoformat(), "until": until and until.isoformat()}
        with bar(known.events, "items", "item") as shown:
            items = looker.look(item_of_event(event) for event in shown)
            return self._write(items, known.as_of, {"kind": SnapshotKind.FIELD.value, "name": "field"} | window | backbone.told())

    def of_folder(self, folder: Path, name: str) -> Snapshot:
        """Make a snapshot of a folder with a manifest.csv, and keep its pictures, too; raises DatasetInvalid."""
        now = self.clock()
        items = [item_of_sample(one, one.path.relative_to(folder).as_posix(), now.date()) for one in read_manifests([folder])]
        items.sort(key=lambda item: (item.source, item.name))
        with ThreadPoolExecutor(2, "read") as pool, bar(items, "items", "item") as shown:

            def begin(item: Item) -> "Future[bytes]":
                return pool.submit(_read, folder / item.name)

            looker = Looker(begin, self.backbone.eyes, cache=self.backbone.cache, keep=self._keep)
            told = {"kind": SnapshotKind.BASE.value, "name": name, **self.backbone.told()}
            return self._write(looker.look(shown), now, told)

    def _write(self, items: Iterator[Item], as_of: datetime, told: dict[str, object]) -> Snapshot:
        return SnapshotWriter(self.snapshots, self.objects).write(items, as_of, told | {"model_version": self.backbone.version})

    def _keep(self, sha256: str, data: bytes) -> str:
        return self.objects.put(picture_key(sha256), data, "application/octet-stream")


def _read(path: Path) -> bytes:
    try:
        if (size := path.stat().st_size) > MAX_IMAGE_BYTES:
            raise ImageTooLarge(f"{size} bytes, at most {MAX_IMAGE_BYTES}")
        return path.read_bytes()
    except OSError as error:
        raise ImageMissing(str(error.strerror)) from error
