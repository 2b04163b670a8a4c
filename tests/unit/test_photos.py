"""What a bin does to a large photograph before it sends it."""

import io
import sys
import time

import numpy as np
import pytest
from PIL import Image

from adapters.pictures.photos import shrink
from adapters.pictures.pixels import decode
from benchmarks.pictures import large_pictures
from producer.__main__ import EdgeSettings, preparation
from producer.render import render
from tests.bad_images import bad_images

LONGEST_PX = EdgeSettings.model_fields["upload_longest_px"].default


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
    small = shrink(large, LONGEST_PX)
    assert opened(small).size == (LONGEST_PX, LONGEST_PX * 3 // 4)
    assert len(small) * 8 <= len(large)
    difference = np.abs(decode(small).astype(int) - decode(large).astype(int))
    assert difference.mean() < 2


def test_twelve_megapixels_become_an_eighth_of_the_decoding_or_less(large):
    small = shrink(large, LONGEST_PX)
    assert seconds_of_decoding(small) * 8 <= seconds_of_decoding(large)


def seconds_of_decoding(data):
    """Return the least CPU seconds of several decodings: what else runs on the machine can only add."""
    took = []
    for _ in range(12):
        began = time.process_time()
        decode(data)
        took.append(time.process_time() - began)
    return min(took)


def test_what_is_small_enough_stays_as_it_is():
    data = render("paper", 1)
    assert shrink(data, LONGEST_PX) is data


def test_a_turned_photograph_comes_upright_and_without_its_place():
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    turned = Image.fromarray(np.random.default_rng(1).integers(0, 255, (600, 1200, 3), np.uint8))
    small = opened(shrink(encoded(turned, "JPEG", exif=exif), 300))
    assert small.size == (150, 300)
    assert not small.getexif()


KINDS = [("PNG", mode) for mode in ("RGBA", "LA", "P", "L", "1")] + [("WEBP", mode) for mode in ("RGBA", "RGB")]
KINDS += [("JPEG", mode) for mode in ("L", "CMYK", "RGB")]


@pytest.mark.parametrize(("form", "mode"), KINDS)
def test_every_kind_of_picture_that_the_fleet_takes_comes_as_a_jpeg(form, mode):
    small = shrink(encoded(Image.new("RGB", (900, 500), "white").convert(mode), form), 300)
    assert (opened(small).format, opened(small).mode, opened(small).size) == ("JPEG", "RGB", (300, 167))
    assert decode(small).min() > 250


def test_a_format_that_the_fleet_does_not_take_stays_as_it_is():
    data = encoded(Image.new("RGB", (900, 500)), "TIFF")
    assert shrink(data, 300) is data


def test_transparency_becomes_white():
    clear = Image.new("RGBA", (900, 500), (0, 0, 0, 0))
    assert np.asarray(opened(shrink(encoded(clear, "PNG"), 300))).min() > 250


def test_sixteen_bits_stay_for_the_fleet_to_scale():
    data = encoded(Image.fromarray(np.full((500, 900), 30_000, np.uint16)), "PNG")
    assert shrink(data, 300) is data


@pytest.mark.parametrize(("name", "data"), [(name, data) for name, data, _ in bad_images()])
def test_what_is_broken_goes_up_for_the_fleet_to_refuse(name, data):
    assert shrink(data, LONGEST_PX) is data


def test_a_bin_without_pillow_sends_pictures_as_they_are(large, monkeypatch):
    monkeypatch.setitem(sys.modules, "adapters.pictures.photos", None)
    assert preparation(LONGEST_PX)(large) is large
    monkeypatch.undo()
    assert len(preparation(LONGEST_PX)(large)) < len(large)
    assert preparation(0)(large) is large
