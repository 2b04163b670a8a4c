"""What a picture is like: figures that follow what is done to it, and nothing else."""

import io
import time

import numpy as np
import pytest
from PIL import Image, ImageFilter

from adapters.pictures.facts import measure
from adapters.pictures.pixels import decode
from contracts.categories import CATEGORIES
from producer.render import render


def seen(image):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return measure(decode(file.getvalue()))


@pytest.fixture(scope="module")
def pictures():
    return [Image.open(io.BytesIO(render(category, 5, place=3))).convert("RGB") for category in CATEGORIES]


def test_blur_takes_sharpness_and_leaves_the_rest(pictures):
    for image in pictures:
        before, after = seen(image), seen(image.filter(ImageFilter.GaussianBlur(3)))
        assert after.sharpness < 0.7 * before.sharpness
        assert after.brightness == pytest.approx(before.brightness, rel=0.05)
        assert np.abs(np.subtract(list(after.brim), list(before.brim), dtype=float)).max() <= 3


def test_half_the_light_is_half_the_brightness_and_leaves_sharpness_and_edge(pictures):
    for image in pictures:
        before, after = seen(image), seen(image.point(lambda value: value * 0.5))
        assert after.brightness == pytest.approx(before.brightness / 2, rel=0.05)
        assert after.sharpness == pytest.approx(before.sharpness, rel=0.15)
        assert np.abs(np.subtract(list(after.brim), list(before.brim), dtype=float)).max() <= 4


def test_a_picture_of_one_colour_has_no_sharpness_and_no_entropy_and_an_even_edge():
    for level in (0, 128, 255):
        facts = measure(np.full((224, 224, 3), level, np.uint8))
        assert (facts.brightness, facts.sharpness, facts.entropy, facts.brim) == (level / 255, 0.0, 0.0, bytes([64] * 36))


def test_the_edge_is_read_row_by_row_in_red_green_and_blue():
    pixels = np.full((224, 224, 3), 100, np.uint8)
    pixels[:56, 56:112] = (200, 100, 50)
    brim = np.frombuffer(measure(pixels).brim, np.uint8).reshape(12, 3)
    assert np.ptp(np.delete(brim, 1, axis=0)) <= 1
    assert brim[1][0] > 1.9 * brim[0][0]
    assert brim[1][2] < 0.6 * brim[0][2]


def test_measuring_costs_little_beside_a_model():
    pixels = decode(render(CATEGORIES[0], 1))

    def took_s():
        started = time.perf_counter()
        measure(pixels)
        return time.perf_counter() - started

    assert min(took_s() for _ in range(300)) < 0.5e-3  # 0.11 ms on an idle core
