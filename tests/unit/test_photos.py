"""What a bin does to a large photograph before it sends it."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from adapters.images import decode
from adapters.photos import shrink
from benchmarks.pictures import large_pictures
from producer.render import render
from tests.bad_images import bad_images


@pytest.fixture(scope="module")
def large():
    (picture,) = large_pictures(1, [render("glass", 3)])
    return picture


def opened(data):
    return Image.open(io.BytesIO(data))


def encoded(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def test_twelve_megapixels_become_an_eighth_of_the_bytes_or_less_and_the_model_sees_the_same(large):
    small = shrink(large, 1024)
    assert opened(small).size == (1024, 768)
    assert len(small) * 8 <= len(large)
    difference = np.abs(decode(small).astype(int) - decode(large).astype(int))
    assert difference.mean() < 2


def test_what_is_small_enough_stays_as_it_is():
    data = render("paper", 1)
    assert shrink(data, 1024) is data


def test_a_turned_photograph_comes_upright_and_without_its_place():
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    turned = Image.fromarray(np.random.default_rng(1).integers(0, 255, (600, 1200, 3), np.uint8))
    small = opened(shrink(encoded(turned, "JPEG", exif=exif), 300))
    assert small.size == (150, 300)
    assert not small.getexif()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "CMYK", "1"])
@pytest.mark.parametrize("form", ["PNG", "WEBP", "JPEG", "TIFF"])
def test_every_kind_of_picture_comes_as_a_jpeg_or_as_it_is(mode, form):
    try:
        data = encoded(Image.new("RGB", (900, 500), "white").convert(mode), form)
    except (OSError, ValueError):
        pytest.skip(f"no {form} in {mode}")
    small = shrink(data, 300)
    assert small is data if form == "TIFF" else decode(small).min() > 250


def test_transparency_becomes_white():
    clear = Image.new("RGBA", (900, 500), (0, 0, 0, 0))
    assert np.asarray(opened(shrink(encoded(clear, "PNG"), 300))).min() > 250


def test_sixteen_bits_stay_for_the_fleet_to_scale():
    data = encoded(Image.fromarray(np.full((500, 900), 30_000, np.uint16)), "PNG")
    assert shrink(data, 300) is data


@pytest.mark.parametrize(("name", "data"), [(name, data) for name, data, _ in bad_images()])
def test_what_is_broken_goes_up_for_the_fleet_to_refuse(name, data):
    assert shrink(data, 1024) is data


def test_a_bin_without_pillow_sends_pictures_as_they_are(large, monkeypatch):
    from producer.__main__ import preparation

    monkeypatch.setitem(sys.modules, "adapters.photos", None)
    assert preparation(1024)(large) is large
    monkeypatch.undo()
    assert len(preparation(1024)(large)) < len(large)
    assert preparation(0)(large) is large
