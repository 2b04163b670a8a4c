"""Items become a snapshot: files first, then their manifest, and its entry in the table last."""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from contracts.errors import ObjectStoreUnavailable, SnapshotRefused
from contracts.lake import Snapshot, Snapshots
from contracts.ports import KeptObjects
from learning.lake.items import Item
from learning.lake.layout import MANIFEST_FILE, LakeFile, Tally, file_path, manifest_of, snapshot_id_of, snapshot_key
from learning.lake.parquet import SCHEMA_VERSION, write_items
from learning.progress import bar

ROWS_A_FILE = 4096
"""At about 7 KB a row; a partition with more has several files."""
_PARQUET, _JSON = "application/vnd.apache.parquet", "application/json"
_PAUSES_S = (0.5, 2.0, 5.0)


@dataclass(frozen=True)
class SnapshotWriter:
    """Writes snapshots into `objects` and their entries into `snapshots`; one that is ended half-way has no entry."""

    snapshots: Snapshots
    objects: KeptObjects

    def write(self, items: Iterable[Item], as_of: datetime, told: Mapping[str, object]) -> Snapshot:
        """Write the items, which come by date and source, as they were known at `as_of`; `told` goes into the manifest.

        Files wait in a temporary folder until the id is known. Raises SnapshotRefused without any item, OSError,
        ObjectStoreUnavailable and LedgerUnavailable.
        """
        tally = Tally()
        with TemporaryDirectory(prefix="waste-lake-") as name:
            folder = Path(name)
            files = list(_written(_counted(items, tally), folder))
            if not files:
                raise SnapshotRefused("snapshot", "would hold nothing: no item of that time has a label")
            snapshot_id = snapshot_id_of(as_of, tally.fingerprint())
            with bar(files, "upload", "file") as shown:
                for file in shown:
                    self._put(snapshot_key(snapshot_id, file.path), (folder / file.path).read_bytes(), _PARQUET)
        said = {"schema_version": SCHEMA_VERSION, "as_of": as_of.isoformat(), **told}
        manifest = manifest_of(snapshot_id, tally, files, said)
        body = (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()
        place = self._put(snapshot_key(snapshot_id, MANIFEST_FILE), body, _JSON).rpartition("/")[0]
        snapshot = Snapshot(snapshot_id, as_of, place, tally.items, tally.fingerprint(), manifest)
        self.snapshots.add(snapshot)
        return snapshot

    def _put(self, key: str, body: bytes, content_type: str) -> str:
        for pause_s in _PAUSES_S:
            try:
                return self.objects.put(key, body, content_type)
            except ObjectStoreUnavailable:
                time.sleep(pause_s)  # an hour of features is not given up for a moment of the store
        return self.objects.put(key, body, content_type)


def _counted(items: Iterable[Item], tally: Tally) -> Iterator[Item]:
    for item in items:
        tally.add(item)
        yield item


def _written(items: Iterable[Item], folder: Path) -> Iterator[LakeFile]:
    """Write items into files below `folder`; a run of one date and source begins a new one after `ROWS_A_FILE`."""
    rows: list[Item] = []
    number = 0
    for item in items:
        if rows and (item.date, item.source) != (rows[0].date, rows[0].source):
            yield _file(rows, number, folder)
            rows, number = [], 0
        elif len(rows) >= ROWS_A_FILE:
            yield _file(rows, number, folder)
            rows, number = [], number + 1
        rows.append(item)
    if rows:
        yield _file(rows, number, folder)


def _file(rows: list[Item], number: int, folder: Path) -> LakeFile:
    day, source = rows[0].date, rows[0].source
    path = file_path(day, source, number)
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    write_items(rows, folder / path)
    data = (folder / path).read_bytes()
    return LakeFile(path, hashlib.sha256(data).hexdigest(), len(data), len(rows), day.isoformat(), source)
