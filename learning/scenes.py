"""Training pictures as scenes: read once, with what can be cut out of them."""

from collections.abc import Sequence

from PIL import Image, ImageOps

from contracts.categories import Category
from learning.augment import Augmenter, Scene
from learning.cutouts import cut_out
from learning.datasets import DatasetInvalid, Sample
from learning.preprocessing import Flatten
from learning.progress import bar
from learning.rendered import RENDERED

_LONGEST_PX = 384
_BACKGROUNDS = 80
_LOOK_LIKE_BOARDS = frozenset({Category.PAPER, Category.GLASS, Category.PLASTIC})


def load_scenes(samples: Sequence[Sample], flatten: Flatten) -> list[Scene]:
    """Read the pictures, at most 384 pixels long, and cut out what lies on a board; raises `DatasetInvalid` with a file's name."""
    with bar(samples, "cutting out") as shown:
        return [_load(sample, flatten) for sample in shown]


def _load(sample: Sample, flatten: Flatten) -> Scene:
    try:
        with Image.open(sample.path) as opened:
            opened.draft("RGB", (_LONGEST_PX, _LONGEST_PX))
            picture = flatten(ImageOps.exif_transpose(opened))
    except (OSError, SyntaxError, ValueError) as error:
        raise DatasetInvalid(f"{sample.path}: {error}") from error
    picture.thumbnail((_LONGEST_PX, _LONGEST_PX))
    if sample.category is Category.ORGANIC and sample.source != RENDERED:
        return Scene(picture, fills=True)
    mask = None if sample.source == RENDERED else cut_out(picture, solid=sample.category in _LOOK_LIKE_BOARDS)
    return Scene(picture, mask)


def make_augmenter(scenes: Sequence[Scene], seed: int, paste: float) -> Augmenter:
    """Return what makes training pictures of these scenes, with parts of them for backgrounds."""
    return Augmenter(seed, paste=paste, backgrounds=[scene.picture for scene in scenes if scene.fills][:_BACKGROUNDS])
