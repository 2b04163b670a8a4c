"""Labelled pictures on disk: a directory with a `manifest.csv` that says what each picture shows and what it is for."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from zlib import crc32

from contracts.categories import CATEGORIES, Category

MANIFEST = "manifest.csv"
NONE_OF_THE_FIVE = "other"
FIELDS = ("file", "source", "category", "split", "group")
"""The columns that a manifest must have."""
PART = "origin_split"
"""A column that may be there: of the pictures in `ood`, which part teaches (train) and which judges (val, test)."""
_TEACHING_OF_TEN = 7


class Split(StrEnum):
    """What a picture is for; `OOD` pictures show none of the five categories, see `Sample.teaches_outliers`."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"
    OOD = "ood"


class DatasetInvalid(ValueError):
    """The manifest cannot be used as it is; the message names file, line and field."""


@dataclass(frozen=True)
class Sample:
    """One picture: where it lies, where it comes from, what it shows (None: none of the five), what it is for.

    Pictures of one `group` show one object or scene and are all in one split.
    """

    path: Path
    source: str
    category: Category | None
    split: Split
    group: str
    part: Split | None = None

    @property
    def teaches_outliers(self) -> bool:
        """Whether the picture shows what is none of the five to a model in training; the others of `OOD` judge it.

        By `part`, and where the manifest has none by the group's name, seven of ten.
        """
        if self.split is not Split.OOD:
            return False
        if self.part is not None:
            return self.part is Split.TRAIN
        return crc32(self.group.encode()) % 10 < _TEACHING_OF_TEN


def read_manifests(directories: Iterable[Path]) -> list[Sample]:
    """Return the samples of every directory's manifest, in order; raises `DatasetInvalid`.

    A group, which is of one directory and source, is never split: that would test the model on objects it has been trained
    on. A file occurs once, whatever its name: copies would count as so many pictures.
    """
    samples: list[Sample] = []
    places: dict[Path, str] = {}
    for directory in directories:
        groups: dict[tuple[str, str], Sample] = {}
        for sample, place in _read_manifest(directory):
            file = sample.path.resolve()
            if file in places:
                raise DatasetInvalid(f"{place}, file: {sample.path} occurs already in {places[file]}")
            places[file] = place
            first = groups.setdefault((sample.source, sample.group), sample)
            if _use(first) != _use(sample):
                found = f"{_use(first)} ({first.path}) and {_use(sample)} ({sample.path})"
                raise DatasetInvalid(f"{place}: group {sample.group} is in {found}")
            samples.append(sample)
    return samples


def _use(sample: Sample) -> str:
    if sample.split is not Split.OOD:
        return sample.split
    return f"{sample.split} to {'teach' if sample.teaches_outliers else 'judge'}"


def _read_manifest(directory: Path) -> Iterator[tuple[Sample, str]]:
    """Yield each sample with its manifest and line."""
    manifest = directory / MANIFEST
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as lines:  # spreadsheets put a mark before UTF-8
            rows = csv.DictReader(lines)
            if missing := [name for name in FIELDS if name not in (rows.fieldnames or ())]:
                raise DatasetInvalid(f"{manifest}, line 1: no column {', '.join(missing)}")
            for row in rows:
                place = f"{manifest}, line {rows.line_num}"
                yield _read_row(directory, row, place), place
    except FileNotFoundError as error:
        hint = f"there is none; `waste learn manifest {directory}` makes one" if directory.is_dir() else "there is no such folder"
        raise DatasetInvalid(f"{manifest}: {hint}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetInvalid(f"{manifest}: {error}") from error


def _read_row(directory: Path, row: dict[str, str | None], place: str) -> Sample:
    values = {name: row.get(name) or "" for name in FIELDS}
    if empty := [name for name, value in values.items() if not value]:
        raise DatasetInvalid(f"{place}, {empty[0]}: empty")
    file = PurePosixPath(values["file"])
    path = directory / file
    if file.is_absolute() or ".." in file.parts or not path.is_file():
        raise DatasetInvalid(f"{place}, file: no file {file} under {directory}")
    if not path.resolve().is_relative_to(directory.resolve()):
        raise DatasetInvalid(f"{place}, file: {file} leads out of {directory}")
    if values["split"] not in tuple(Split):
        raise DatasetInvalid(f"{place}, split: {values['split']!r} is none of {', '.join(Split)}")
    split = Split(values["split"])
    category = _read_category(values["category"], place)
    if (category is None) is not (split is Split.OOD):
        raise DatasetInvalid(f"{place}, split: {split} with the category {values['category']}")
    part = row.get(PART) if split is Split.OOD else None
    if part and part not in tuple(Split):
        raise DatasetInvalid(f"{place}, {PART}: {part!r} is none of {', '.join(Split)}")
    return Sample(path, values["source"], category, split, values["group"], Split(part) if part else None)


def _read_category(value: str, place: str) -> Category | None:
    if value == NONE_OF_THE_FIVE:
        return None
    if value not in CATEGORIES:
        raise DatasetInvalid(f"{place}, category: {value!r} is none of {', '.join(CATEGORIES)}, {NONE_OF_THE_FIVE}")
    return Category(value)
