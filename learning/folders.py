"""A manifest from folders of pictures, one folder a category, divided so that no object is in two splits."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np

from contracts.categories import CATEGORIES, Category
from learning.datasets import FIELDS, MANIFEST, NONE_OF_THE_FIVE, DatasetInvalid, Sample, Split
from learning.duplicates import Pair, contradictions, labelled, near_duplicates, thumbprints
from learning.files import write_whole
from learning.preprocessing import Decode

ALSO_CALLED: Mapping[str, Category] = {"cardboard": Category.PAPER}
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@dataclass(frozen=True)
class Written:
    """What a manifest says, which pairs of its pictures look alike under two labels, and how many files of a kind it leaves out."""

    samples: list[Sample]
    contradictions: list[Pair]
    skipped: Mapping[str, int]


def write_manifest(
    folder: Path, source: str, shares: Mapping[Split, float], decode: Decode, seed: int, *, two_labels: bool = False
) -> Written:
    """Divide the pictures in `folder`/<category>/ into splits by `shares` and write their manifest.

    A category is called by its name, `cardboard` is paper, and `other` holds pictures of none of the five, which are for
    the split `ood`. Near-duplicates get one group, and a group stays in one split. Raises `DatasetInvalid` for a folder of
    another name, an empty category, a picture that cannot be decoded and, unless `two_labels`, for pictures that look alike
    and lie under two labels; and OSError.
    """
    places = _category_folders(folder)
    samples = [sample for place in places for sample in _found(place, source)]
    pairs = near_duplicates(samples, thumbprints(samples, decode))
    if (twice := contradictions(pairs)) and not two_labels:
        _refuse(twice)
    divided = _divide(_grouped(samples, pairs, folder), shares, np.random.default_rng(seed))
    write_whole(_text(divided, folder, source).encode(), folder / MANIFEST)
    return Written(divided, twice, Counter(_kind(path) for place in places for path in _others(place)))


def _text(divided: Sequence[Sample], folder: Path, source: str) -> str:
    lines = io.StringIO(newline="")
    rows = csv.writer(lines)
    rows.writerow(FIELDS)
    for sample in divided:
        name = sample.path.relative_to(folder).as_posix()
        if not name.isprintable():
            raise DatasetInvalid(f"{str(sample.path)!a}: the name cannot be written into a manifest: rename the file")
        category = NONE_OF_THE_FIVE if sample.category is None else sample.category.value
        rows.writerow([name, source, category, sample.split.value, sample.group])
    return lines.getvalue()


def _refuse(twice: Sequence[Pair]) -> NoReturn:
    shown = "; ".join(labelled(pair) for pair in twice)
    raise DatasetInvalid(
        f"{len(twice)} pairs look alike under different labels, and one label of each must be wrong; {shown}; correct them, or"
        " keep both with --two-labels if they show different things after all"
    )


def _category_folders(folder: Path) -> list[Path]:
    places = sorted(place for place in folder.iterdir() if place.is_dir() and not place.name.startswith("."))
    known = {category.value for category in CATEGORIES} | set(ALSO_CALLED) | {NONE_OF_THE_FIVE}
    if strange := [place.name for place in places if place.name not in known]:
        raise DatasetInvalid(f"{folder}: folders {', '.join(strange)} are none of {', '.join(sorted(known))}")
    if not places:
        raise DatasetInvalid(f"{folder}: no folders, one a category")
    return places


def _found(place: Path, source: str) -> list[Sample]:
    name = place.name
    category = None if name == NONE_OF_THE_FIVE else ALSO_CALLED.get(name) or Category(name)
    files = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        there = ", ".join(sorted({_kind(path) for path in _others(place)})) or "nothing"
        raise DatasetInvalid(f"{place}: no pictures ({', '.join(sorted(SUFFIXES))}), but {there}")
    split = Split.OOD if category is None else Split.TRAIN
    return [Sample(path, source, category, split, "") for path in files]


def _others(place: Path) -> list[Path]:
    """Return the files that are not read as pictures, without hidden ones."""
    files = (path for path in place.rglob("*") if path.is_file() and not path.name.startswith("."))
    return [path for path in files if path.suffix.lower() not in SUFFIXES]


def _kind(path: Path) -> str:
    return path.suffix.lower() or "without a suffix"


def _grouped(samples: Sequence[Sample], pairs: Sequence[Pair], folder: Path) -> list[Sample]:
    """Name each sample's group after the first picture of it, joining what any chain of pairs joins."""
    leader = {sample.path: sample.path for sample in samples}

    def lead(path: Path) -> Path:
        while leader[path] != path:
            path = leader[path]
        return path

    for pair in pairs:
        if pair.first.category is not pair.second.category:
            continue  # a category's pictures are divided on their own
        first, second = sorted((lead(pair.first.path), lead(pair.second.path)))
        leader[second] = first
    return [replace(sample, group=lead(sample.path).relative_to(folder).as_posix()) for sample in samples]


def _divide(samples: Sequence[Sample], shares: Mapping[Split, float], chance: np.random.Generator) -> list[Sample]:
    """Give each category's groups, in random order, to the split that is furthest from its share."""
    split_of: dict[str, Split] = {}
    for category in CATEGORIES:
        groups: dict[str, int] = {}
        for sample in samples:
            if sample.category is category:
                groups[sample.group] = groups.get(sample.group, 0) + 1
        total, given = sum(groups.values()), dict.fromkeys(shares, 0)
        for group in chance.permutation(sorted(groups)):
            split = max(shares, key=lambda one: shares[one] * total - given[one])
            split_of.setdefault(str(group), split)
            given[split] += groups[str(group)]
    return [sample if sample.category is None else replace(sample, split=split_of[sample.group]) for sample in samples]
