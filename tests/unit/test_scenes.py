"""The pictures that all layers learn from are flattened as those that are served."""

import numpy as np
import pytest
from PIL import Image

from adapters.pictures.pixels import decode, flatten_whole
from contracts.categories import Category
from learning.datasets import Sample, Split
from learning.scenes import load_scenes


def deep_grey():
    return Image.fromarray(np.linspace(0, 65_535, 64 * 48).reshape(48, 64).astype(np.uint16))


def see_through(mode):
    image = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
    image.paste((200, 30, 40, 255), (10, 10, 40, 30))
    image.paste((30, 200, 40, 120), (40, 10, 60, 30))
    return image.convert(mode)


KINDS = {
    "deep grey": (deep_grey, {}),
    "deep grey with a transparent value": (deep_grey, {"transparency": 0}),
    "RGBA": (lambda: see_through("RGBA"), {}),
    "LA": (lambda: see_through("LA"), {}),
    "palette": (lambda: see_through("RGBA").quantize(8), {}),
    "palette with a transparent colour": (lambda: see_through("RGB").quantize(8), {"transparency": 0}),
    "RGB with a transparent colour": (lambda: see_through("RGB"), {"transparency": (0, 0, 0)}),
    "grey": (lambda: see_through("L"), {}),
    "two colours": (lambda: see_through("L").convert("1", dither=Image.Dither.NONE), {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_scene_shows_what_serving_shows(tmp_path, kind):
    make, options = KINDS[kind]
    make().save(tmp_path / "a.png", **options)
    (scene,) = load_scenes([Sample(tmp_path / "a.png", "s", Category.METAL, Split.TRAIN, "a")], flatten_whole)
    served = Image.fromarray(decode((tmp_path / "a.png").read_bytes())).resize((64, 48))
    assert scene.picture.mode == "RGB"
    assert np.abs(np.asarray(scene.picture, np.float32) - np.asarray(served, np.float32)).mean() < 8


def test_grey_of_16_bits_is_not_white_and_what_is_transparent_is():
    assert 120 < np.asarray(flatten_whole(deep_grey())).mean() < 135
    assert np.asarray(flatten_whole(see_through("RGBA")))[0, 0].tolist() == [255, 255, 255]
