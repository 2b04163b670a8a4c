"""Where a snapshot's files lie, what its manifest says, and what makes two snapshots the same. Pure."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

from contracts.errors import RequestRefused
from learning.datasets import NONE_OF_THE_FIVE
from learning.lake.items import Item

MANIFEST_FILE = "manifest.json"
_SNAPSHOTS, _PICTURES = "lake/snapshots", "lake/pictures"
_LONGEST_SOURCE = 300


def snapshot_key(snapshot_id: str, path: str) -> str:
    """Return the key of a snapshot's file in the object store."""
    return f"{_SNAPSHOTS}/{snapshot_id}/{path}"


def picture_key(sha256: str) -> str:
    """Return the key of a base picture in the object store."""
    return f"{_PICTURES}/{sha256}"


def file_path(day: date, source: str, number: int) -> str:
    """Return where a file of a partition lies below its snapshot; the source is percent-encoded, as Hive does it."""
    encoded = quote(source, safe="")
    if not 0 < len(encoded) <= _LONGEST_SOURCE:
        raise RequestRefused("source", f"{source[:40]!r} is empty or too long for the name of a folder")
    return f"date={day.isoformat()}/source={encoded}/items{f'-{number}' if number else ''}.parquet"


def snapshot_id_of(as_of: datetime, fingerprint: str) -> str:
    """Return a snapshot's id: when its labels were known, to the microsecond, and the beginning of its fingerprint."""
    return f"{as_of.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{fingerprint[:12]}"


@dataclass(frozen=True, slots=True)
class LakeFile:
    """A file of a snapshot: its path below the snapshot's place, SHA-256 (hex), size and partition."""

    path: str
    sha256: str
    size_bytes: int
    rows: int
    date: str
    source: str


def files_of(manifest: Mapping[str, Any]) -> list[LakeFile]:
    """Return the files that a manifest names."""
    return [LakeFile(**one) for one in manifest["files"]]


@dataclass
class Tally:
    """What is counted of items on their way into a snapshot."""

    items: int = 0
    categories: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    _lines: list[str] = field(default_factory=list)

    def add(self, item: Item) -> None:
        """Count an item."""
        self.items += 1
        actual = item.actual or NONE_OF_THE_FIVE
        self.categories[actual] += 1
        self.sources[item.source] += 1
        if item.split:
            self.splits[item.split] += 1
        if item.problem:
            self.problems[item.problem.partition(":")[0]] += 1
        self._lines.append(f"{item.name} {actual} {item.image_sha256 or ''} {item.split or ''}".rstrip() + "\n")

    def fingerprint(self) -> str:
        """Return the SHA-256 over the sorted lines of name, actual category, picture and, of base pictures, split."""
        return hashlib.sha256("".join(sorted(self._lines)).encode()).hexdigest()

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the counts by name."""
        named = {"category": self.categories, "source": self.sources, "split": self.splits, "problem": self.problems}
        return {name: dict(sorted(counter.items())) for name, counter in named.items()}


def manifest_of(snapshot_id: str, tally: Tally, files: Iterable[LakeFile], told: Mapping[str, object]) -> dict[str, Any]:
    """Return a snapshot's manifest; `told` is what else is known of it."""
    return {
        "snapshot_id": snapshot_id,
        **told,
        "items": tally.items,
        "counts": tally.counts(),
        "fingerprint": tally.fingerprint(),
        "files": [asdict(one) for one in files],
    }
