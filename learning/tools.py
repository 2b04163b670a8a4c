"""What the commands of this room need of the outside; `learning.__main__` gives it to them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contracts.categories import Category
from contracts.ports import Classifier
from learning.features import Extract
from learning.preprocessing import Decode, Preprocessing

Render = Callable[[Category, int, float], bytes]
"""Category, seed and drift in [0, 1] to the bytes of a JPEG."""


@dataclass(frozen=True)
class Tools:
    """`shipped` is the model that the package brings."""

    preprocessing: Preprocessing
    open_classifier: Callable[[Path], Classifier]
    open_features: Callable[[Path], Extract]
    render: Render
    shipped: Path
    git_revision: Callable[[], str]

    @property
    def decode(self) -> Decode:
        """The bytes of an image file to what the model sees."""
        return self.preprocessing.decode
