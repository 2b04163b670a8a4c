"""Pictures lose what they tell beside their pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from adapters.pictures.bare import bare
from adapters.pictures.headers import read_header
from contracts.errors import Permanent, Retryable
from tests.bad_images import bad_images
from tests.edge_house import picture


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def exif_with(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "secret place"
    return exif


FORMS = [
    ("JPEG", {"comment": b"secret place"}),
    ("JPEG", {"xmp": b"<secret place>"}),
    ("PNG", {}),
    ("WEBP", {"xmp": b"<secret place>"}),
]


@pytest.mark.parametrize(("form", "more"), FORMS)
@pytest.mark.parametrize("orientation", [1, 6])
def test_the_pixels_and_how_they_are_turned_are_all_that_is_left(form, more, orientation):
    data = picture(5, form=form, exif=exif_with(orientation), **more)
    assert b"secret" in data
    left = bare(data)
    assert b"secret" not in left
    assert (pixels(left) == pixels(data)).all()
    assert read_header(left).orientation == read_header(data).orientation == orientation


def test_an_animated_picture_stays_one():
    frames = [Image.new("RGBA", (20, 20), colour) for colour in ("red", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], exif=exif_with(1))
    assert Image.open(io.BytesIO(bare(file.getvalue()))).n_frames == 2


@pytest.mark.parametrize(("name", "data"), [(name, data) for name, data, _ in bad_images()])
def test_what_is_broken_is_refused_or_left_as_broken_as_it_was(name, data):
    try:
        left = bare(data)
    except (Permanent, Retryable):
        return
    assert len(left) <= len(data)
