"""The one preprocessing: every mode comes out in its colours, every bad file in its error."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adapters.pictures.pixels import decode
from contracts.errors import FleetError, ImageTruncated, ImageUnreadable
from tests.bad_images import bad_images
from tests.makers import a_jpeg


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def mean(data):
    pixels = decode(data)
    assert pixels.shape == (224, 224, 3)
    assert pixels.dtype == np.uint8
    return pixels.reshape(-1, 3).mean(axis=0)


RED = (220, 30, 20)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("jpeg", encoded(Image.new("RGB", (300, 200), RED), "JPEG", quality=95)),
        ("png", encoded(Image.new("RGB", (300, 200), RED))),
        ("webp", encoded(Image.new("RGB", (300, 200), RED), "WEBP", lossless=True)),
        ("palette", encoded(Image.new("RGB", (300, 200), RED).quantize(4))),
        ("rgba", encoded(Image.new("RGBA", (300, 200), (*RED, 255)))),
        ("cmyk", encoded(Image.new("RGB", (300, 200), RED).convert("CMYK"), "JPEG", quality=95)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_red_picture_comes_out_red_in_every_mode(name, data):
    assert np.abs(mean(data) - RED).max() < 12, mean(data)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_what_is_transparent_lies_on_white(mode):
    image = Image.new("RGBA", (50, 50), (0, 0, 0, 0))
    image = image.convert("LA") if mode == "LA" else image
    data = encoded(image.quantize(4)) if mode == "PA" else encoded(image)
    assert mean(data).min() > 250


def test_sixteen_bits_are_scaled_and_not_clipped():
    data = encoded(Image.fromarray(np.full((40, 40), 0x8000, np.uint16)))
    assert np.abs(mean(data) - 128).max() < 2


@pytest.mark.parametrize(("mode", "expected"), [("L", 90), ("1", 255)])
def test_grey_and_black_and_white_are_taken(mode, expected):
    assert np.abs(mean(encoded(Image.new(mode, (40, 40), expected))) - expected).max() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_the_camera_is_undone(orientation):
    upright = Image.new("RGB", (100, 100), (0, 0, 255))
    upright.paste((255, 0, 0), (0, 0, 100, 30))
    upright.paste((0, 255, 0), (0, 0, 30, 100))
    turned = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    stored = upright if turned is None else upright.transpose(turned)
    exif = Image.Exif()
    exif[0x0112] = orientation
    shown = decode(encoded(stored, "JPEG", quality=95, exif=exif)).astype(int)
    plain = decode(encoded(upright, "JPEG", quality=95)).astype(int)
    assert np.abs(shown - plain).mean() < 4


def test_a_large_photograph_is_decoded_small():
    data = encoded(Image.new("RGB", (4000, 3000), RED), "JPEG")
    assert np.abs(mean(data) - RED).max() < 12


def test_there_are_fifty_bad_images():
    assert len(bad_images()) >= 50


@pytest.mark.parametrize(("name", "data", "reason"), bad_images(), ids=[name for name, _, _ in bad_images()])
def test_a_bad_image_is_refused_for_its_reason(name, data, reason):
    with pytest.raises(FleetError) as refused:
        decode(data)
    assert refused.value.reason == reason, refused.value


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=8), st.sampled_from(["JPEG", "PNG", "WEBP"]), st.booleans())
def test_a_picture_with_bytes_changed_is_decoded_or_refused(position, noise, kind, cut):
    data = bytearray(encoded(Image.new("RGB", (60, 40), RED), kind))
    start = position % len(data)
    data[start : start + len(noise)] = noise
    try:
        assert decode(bytes(data[:start] if cut else data)).shape == (224, 224, 3)
    except (ImageUnreadable, ImageTruncated):
        pass
    except FleetError as error:
        assert error.reason == "image_too_large"


def test_decoding_is_the_same_every_time():
    assert (decode(a_jpeg()) == decode(a_jpeg())).all()
