"""Items that an earlier snapshot has looked at: a picture that is fetched and computed once needs neither again."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from contracts.errors import FleetError, ObjectStoreUnavailable
from contracts.lake import Snapshot
from contracts.ports import KeptObjects
from learning.lake.items import Item
from learning.lake.layout import LakeFile, files_of
from learning.lake.reading import read_file

_LOOKED = ("image_sha256", "features", "thumbnail")


class Earlier:
    """What snapshots of the same backbone and preprocessing know, a day in memory at a time: items have to come by day."""

    def __init__(self, snapshots: Sequence[Snapshot], objects: KeptObjects, made_with: Mapping[str, object]) -> None:
        """Take of each day the snapshot that has most of it, of those whose manifests say `made_with`."""
        self._objects = objects
        self._days: dict[str, tuple[str, list[LakeFile]]] = {}
        for snapshot in snapshots:
            if all(snapshot.manifest.get(name) == value for name, value in made_with.items()):
                self._offer(snapshot)
        self._day: date | None = None
        self._known: dict[str, Item] = {}

    def _offer(self, snapshot: Snapshot) -> None:
        days: dict[str, list[LakeFile]] = {}
        for file in files_of(snapshot.manifest):
            days.setdefault(file.date, []).append(file)
        for day, files in days.items():
            if _rows(files) > _rows(self._days.get(day, ("", []))[1]):
                self._days[day] = (snapshot.snapshot_id, files)

    def of(self, item: Item) -> Item | None:
        """Return the item with what is known of its picture, None if it has to be looked at."""
        if item.date != self._day:
            self._day, self._known = item.date, self._read(item.date)
        known = self._known.get(item.name)
        if known is None or known.problem or known.image_url != item.image_url:
            return None
        return replace(item, **{name: getattr(known, name) for name in _LOOKED})

    def _read(self, day: date) -> dict[str, Item]:
        snapshot_id, files = self._days.get(day.isoformat(), ("", []))
        found: dict[str, Item] = {}
        for file in files:
            try:
                found |= {item.name: item for item in read_file(snapshot_id, file, self._objects)}
            except ObjectStoreUnavailable:
                raise
            except FleetError as error:
                sys.stderr.write(f"waste lake: {error}; its pictures are looked at again\n")
        return found


def _rows(files: Sequence[LakeFile]) -> int:
    return sum(file.rows for file in files)
