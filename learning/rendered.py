"""Rendered pictures as a data set on disk: a manifest and files, so that they are used like any photographs."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path

from contracts.categories import CATEGORIES, Category
from learning.datasets import FIELDS, MANIFEST, Split
from learning.progress import bar

Render = Callable[[Category, int], bytes]

RENDERED = "rendered"
"""The source of every picture that is made here."""
FOR_TRAINING: Mapping[Split, float] = {Split.TRAIN: 0.7, Split.VAL: 0.15, Split.TEST: 0.15}
FOR_TESTING: Mapping[Split, float] = {Split.TEST: 1.0}
_FIRST_SEED = {Split.TRAIN: 1_000_000, Split.VAL: 2_000_000, Split.TEST: 3_000_000}
"""A training picture's seed is never a test picture's, and hardly ever one of a simulated fleet's, which are 48 bits wide."""


def write_rendered(folder: Path, render: Render, per_category: int, shares: Mapping[Split, float] = FOR_TRAINING) -> int:
    """Write `per_category` pictures of each category and their manifest into `folder`, divided by `shares`.

    Returns how many pictures there are; raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts = _counts(per_category, shares)
    jobs = [(category, split, seed) for category in CATEGORIES for split, count in counts for seed in _seeds(split, count)]
    with (folder / MANIFEST).open("w", newline="", encoding="utf-8") as lines, bar(jobs, "rendering") as shown:
        rows = csv.writer(lines)
        rows.writerow(FIELDS)
        for category, split, seed in shown:
            name = f"{category}-{seed}.jpg"
            (folder / name).write_bytes(render(category, seed))
            rows.writerow([name, RENDERED, category.value, split.value, name])
    return len(jobs)


def _counts(total: int, shares: Mapping[Split, float]) -> list[tuple[Split, int]]:
    """Divide `total` by the shares; what rounding leaves goes to the first, the training."""
    first, *others = shares
    counts = [(split, int(total * shares[split])) for split in others]
    return [(first, total - sum(count for _, count in counts)), *counts]


def _seeds(split: Split, count: int) -> range:
    if count > _FIRST_SEED[Split.TRAIN]:
        raise ValueError(f"{count} pictures of one category and split")
    return range(_FIRST_SEED[split], _FIRST_SEED[split] + count)
