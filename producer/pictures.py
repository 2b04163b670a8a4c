"""Where a simulated fleet's pictures come from: rendered, or files in a folder."""

import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from contracts.categories import CATEGORIES, Category
from contracts.errors import SettingsInvalid

_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_FOLDERS: dict[str, str] = {category.value: category.value for category in CATEGORIES} | {"cardboard": Category.PAPER.value}

Picture = tuple[Callable[[], bytes], str | None]
"""What makes the file's bytes, and what it shows (None: in none of the five categories, or not known)."""


def rendered(seed: int, drift: float) -> Iterator[Picture]:
    """Yield rendered pictures without end; the same seed gives the same ones. Raises SettingsInvalid without the extra."""
    try:
        from producer.render import render
    except ImportError as error:
        raise SettingsInvalid(f"the renderer needs the extra [render]: {error}") from None
    chance = random.Random(seed)
    while True:
        category, number = chance.choice(CATEGORIES), chance.getrandbits(48)
        yield partial(render, category, number, drift=drift), category.value


def from_folder(folder: Path, seed: int) -> Iterator[Picture]:
    """Yield a folder's pictures in a random order, again and again; a folder's name says what it shows.

    Raises SettingsInvalid if there is none.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS and path.is_file())
    if not files:
        raise SettingsInvalid(f"--images: there is no picture in {folder}")
    chance = random.Random(seed)
    while True:
        for path in chance.sample(files, len(files)):
            yield path.read_bytes, _shown(path, folder)


def _shown(path: Path, folder: Path) -> str | None:
    parents = [folder.name, *path.relative_to(folder).parts[:-1]]
    return next((_FOLDERS[name] for name in reversed(parents) if name in _FOLDERS), None)
