"""Training pictures as scenes: read once, with what can be cut out of them."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps

from contracts.categories import Category
from learning.augment import Augmenter, Scene
from learning.cutouts import cut_out
from learning.datasets import DatasetInvalid, Sample
from learning.progress import bar
from learning.rendered import RENDERED

_LONGEST_PX = 384
_BACKGROUNDS = 80
_LOOK_LIKE_BOARDS = frozenset({Category.PAPER, Category.GLASS, Category.PLASTIC})


def load_scenes(samples: Sequence[Sample]) -> list[Scene]:
    """Read the pictures, at most 384 pixels long, and cut out what lies on a board; raises `DatasetInvalid` with a file's name."""
    with bar(samples, "cutting out") as shown:
        return [_load(sample) for sample in shown]


def _load(sample: Sample) -> Scene:
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


def flatten(image: Image.Image) -> Image.Image:
    """Return `image`, of any mode Pillow decodes to, as RGB in its own size on white.

    It does what `adapters.images.flatten_whole` does, which this room does not see, and a test holds both together: layers
    that learn from pictures flattened in another way than the bins' would learn what no bin shows.
    """
    if image.mode.startswith("I"):  # 16 bits, which Pillow's own conversion clips at 255
        values = np.asarray(image)
        grey = (np.clip(values, 0, 65_535) >> 8).astype(np.uint8)
        if isinstance(key := image.info.get("transparency"), int):
            grey[values == key] = 255
        image = Image.fromarray(grey)
    if not image.has_transparency_data:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def make_augmenter(scenes: Sequence[Scene], seed: int, paste: float) -> Augmenter:
    """Return what makes training pictures of these scenes, with parts of them for backgrounds."""
    return Augmenter(seed, paste=paste, backgrounds=[scene.picture for scene in scenes if scene.fills][:_BACKGROUNDS])
