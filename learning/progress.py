"""Progress bars: on stderr, on terminals alone, and gone when their work ends, however it ends."""

from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def bar(rows: Iterable[T], what: str, unit: str = "picture", total: int | None = None) -> "tqdm[T]":
    """Return `rows` with a bar to be used in a `with` block.

    A bar that is only iterated over outlives an error, and what is said of the error lands on its line.
    """
    return tqdm(rows, what, total, leave=False, unit=unit, disable=None)
