"""What `waste lake` does: each function takes its options and the bench."""

import argparse
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from contracts.errors import SnapshotRefused
from contracts.lake import Snapshot, SnapshotKind, Snapshots
from contracts.tables import lines_of
from learning.datasets import Split
from learning.lake.making import SnapshotMaker
from learning.lake.rebuilding import Rebuilder

_SHOWN = 5
_EXAMINES = Split.TEST.value


@dataclass(frozen=True, slots=True)
class Bench:
    """What the commands work with; `say` prints."""

    snapshots: Snapshots
    maker: Callable[[], AbstractContextManager[SnapshotMaker]]
    rebuilder: Callable[[], Rebuilder]
    say: Callable[[str], object]


def make(options: argparse.Namespace, bench: Bench) -> int:
    """Keep all items of the field whose category is known now."""
    if options.since and options.until and options.since >= options.until:
        raise SnapshotRefused("--until", "is not after --since")
    with bench.maker() as maker:
        return _made(options, bench, maker.of_field(options.since, options.until))


def import_folder(options: argparse.Namespace, bench: Bench) -> int:
    """Keep the pictures of a folder with a manifest.csv."""
    with bench.maker() as maker:
        return _made(options, bench, maker.of_folder(options.folder, options.name))


def _made(options: argparse.Namespace, bench: Bench, snapshot: Snapshot) -> int:
    if options.json:
        return _tell(bench, _told(snapshot))
    problems = snapshot.manifest["counts"]["problem"]
    bench.say(f"{snapshot.snapshot_id}: {snapshot.items} items, {sum(problems.values())} of them without a usable picture\n")
    bench.say("".join(f"  {reason}: {count}\n" for reason, count in problems.items()))
    bench.say(f"fingerprint {snapshot.fingerprint}\n{snapshot.place}\n")
    return 0


def make_golden(options: argparse.Namespace, bench: Bench) -> int:
    """Have an imported folder be what every model is examined with: what its pictures of the split test show."""
    snapshot = bench.snapshots.get(options.snapshot)
    if snapshot.kind is not SnapshotKind.BASE:
        raise SnapshotRefused("snapshot", f"{options.snapshot} is of the field, which teaches; golden can be an imported folder")
    if not snapshot.manifest["counts"]["split"].get(_EXAMINES):
        raise SnapshotRefused("snapshot", f"{options.snapshot} has no picture of the split {_EXAMINES}, which is what examines")
    bench.snapshots.make_golden(options.snapshot)
    bench.say(f"{options.snapshot} is what every model is examined with\n")
    return 0


def list_snapshots(options: argparse.Namespace, bench: Bench) -> int:
    """List snapshots, the newest first."""
    found = bench.snapshots.newest(options.limit)
    if options.json:
        return _tell(bench, [_told(one) for one in found])
    rows = [("snapshot", "name", "as of", "items", "unusable", "golden"), *map(_row, found)]
    bench.say("".join(lines_of(rows)) if found else "there are none\n")
    return 0


def show(options: argparse.Namespace, bench: Bench) -> int:
    """Show what a snapshot holds."""
    snapshot = bench.snapshots.get(options.snapshot)
    told = dict(snapshot.manifest) if options.files else _told(snapshot)
    return _tell(bench, told)


def rebuild(options: argparse.Namespace, bench: Bench) -> int:
    """Write a snapshot's files into a folder, each held against its digest; 1 if a picture is not there any more."""
    rebuilt = bench.rebuilder().rebuild(bench.snapshots.get(options.snapshot), options.to, pictures=options.pictures)
    bench.say(f"{options.to}: {rebuilt.items} items in its manifest.csv, {rebuilt.unusable} had no usable picture\n")
    if rebuilt.lost:
        some = ", ".join([*rebuilt.lost[:_SHOWN], *(["..."] if len(rebuilt.lost) > _SHOWN else [])])
        bench.say(f"{len(rebuilt.lost)} pictures are gone or are others now, and are left out: {some}\n")
    return 1 if rebuilt.lost else 0


def _told(snapshot: Snapshot) -> dict[str, Any]:
    kept = {name: value for name, value in snapshot.manifest.items() if name != "files"}
    return kept | {"place": snapshot.place, "golden": snapshot.golden, "files": len(snapshot.manifest["files"])}


def _row(snapshot: Snapshot) -> tuple[str, ...]:
    problems: Mapping[str, int] = snapshot.manifest["counts"]["problem"]
    as_of = snapshot.made_at.strftime("%Y-%m-%d %H:%M:%S")
    numbers = (str(snapshot.items), str(sum(problems.values())))
    return (snapshot.snapshot_id, str(snapshot.manifest["name"]), as_of, *numbers, "golden" if snapshot.golden else "")


def _tell(bench: Bench, said: object) -> int:
    bench.say(json.dumps(said, indent=1, default=str, ensure_ascii=False) + "\n")
    return 0
