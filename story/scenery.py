"""What is thrown away: in the packaging of before, and in the new one."""

import csv
import random
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Protocol

from learning.datasets import FIELDS, MANIFEST, DatasetInvalid, Sample, Split, read_manifests
from learning.rendered import write_rendered
from producer.pictures import Picture, rendered
from producer.render import render

_KNOWN = 220
"""Pictures of each category; of a hundred that examine, one is a point."""
_NEW_SEEDS = 1000


class Scenery(Protocol):
    """Where the story's pictures come from."""

    @property
    def change(self) -> str:
        """What changes, as a sentence."""

    @property
    def regained(self) -> float:
        """The share of the lost accuracy, in (0, 1], that must come back."""

    def keep_known(self, folder: Path) -> None:
        """Write what is known before the story begins into `folder`, with a manifest.csv."""

    def calm(self, day: int) -> Iterator[Picture]:
        """Yield what is thrown away on a day before the change."""

    def changed(self, day: int) -> Iterator[Picture]:
        """Yield what is thrown away on a day after it."""

    def taught(self) -> None:
        """Take note that a model has been taught with what was thrown away until now."""


@dataclass
class Rendered:
    """Rendered pictures, none of them twice; `drift` in [0, 1] is the share of things that look new after the change."""

    drift: float
    regained: float = 0.7

    @property
    def change(self) -> str:
        """What changes."""
        return f"packaging changes: {self.drift:.0%} of what is thrown away looks new"

    def keep_known(self, folder: Path) -> None:
        """Write pictures in the packaging of before."""
        write_rendered(folder, render, _KNOWN, {Split.TRAIN: 0.43, Split.VAL: 0.11, Split.TEST: 0.46})

    def calm(self, day: int) -> Iterator[Picture]:
        """Yield without end."""
        return rendered(day, 0.0)

    def changed(self, day: int) -> Iterator[Picture]:
        """Yield without end."""
        return rendered(_NEW_SEEDS + day, self.drift)

    def taught(self) -> None:
        """Nothing: a model meets no picture again."""


@dataclass
class Photographs:
    """Folders with a manifest.csv each, in which one source follows upon others.

    Of the sources `before`, the splits train and test are known, and val is thrown away. Of `after` a share `reserved` of the
    groups is thrown away only after a model has been taught with the others, so that none is tried with what taught it. What has
    been thrown away returns when there is nothing else.
    """

    folders: Sequence[Path]
    before: Sequence[str]
    after: Sequence[str]
    seed: int = 1
    reserved: float = 0.3
    regained: float = 0.25
    _taught: bool = False
    _known: list[Sample] = field(init=False)
    _calm: Iterator[Picture] = field(init=False)
    _teaching: Iterator[Picture] = field(init=False)
    _trying: Iterator[Picture] = field(init=False)

    def __post_init__(self) -> None:
        """Read the manifest; raises DatasetInvalid, also without a source or for one that has no pictures in it."""
        if not self.before or not self.after:
            raise DatasetInvalid("--before and --after: name a source of the manifest each")
        samples = [one for one in read_manifests(self.folders) if one.category]
        if missing := {*self.before, *self.after} - {one.source for one in samples}:
            raise DatasetInvalid(f"{MANIFEST}, source: none of {', '.join(sorted(missing))}")
        old = [one for one in samples if one.source in self.before]
        self._known = [one for one in old if one.split is not Split.VAL]
        self._calm = cycle(_pictures(self._shuffled(one for one in old if one.split is Split.VAL)))
        groups = self._shuffled(one for one in samples if one.source in self.after)
        kept = round(len(groups) * self.reserved)
        self._teaching, self._trying = cycle(_pictures(groups[kept:])), cycle(_pictures(groups[:kept]))

    @property
    def change(self) -> str:
        """What changes."""
        return f"other photographs: {', '.join(self.after)} instead of {', '.join(self.before)}"

    def keep_known(self, folder: Path) -> None:
        """Copy the pictures that are known."""
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / MANIFEST).open("w", newline="", encoding="utf-8") as lines:
            rows = csv.writer(lines)
            rows.writerow(FIELDS)
            for number, one in enumerate(self._known):
                name = f"{number}{one.path.suffix}"
                shutil.copyfile(one.path, folder / name)
                rows.writerow([name, one.source, one.category, one.split.value, one.group])

    def calm(self, day: int) -> Iterator[Picture]:  # noqa: ARG002 - photographs come in their order
        """Yield without end."""
        return self._calm

    def changed(self, day: int) -> Iterator[Picture]:  # noqa: ARG002 - as above
        """Yield without end; see the class."""
        return self._trying if self._taught else self._teaching

    def taught(self) -> None:
        """Have what was reserved come from now on."""
        self._taught = True

    def _shuffled(self, samples: Iterable[Sample]) -> list[list[Sample]]:
        """Return the groups in a random order."""
        groups: dict[tuple[str, str], list[Sample]] = defaultdict(list)
        for one in samples:
            groups[one.source, one.group].append(one)
        found = list(groups.values())
        random.Random(self.seed).shuffle(found)
        return found


def _pictures(groups: Iterable[list[Sample]]) -> list[Picture]:
    return [(one.path.read_bytes, one.category) for group in groups for one in group]
