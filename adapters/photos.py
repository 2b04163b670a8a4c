"""A camera's photograph, made as small as the fleet needs before it goes up a bin's slow line."""

import io

from PIL import Image

from adapters.image_headers import read_header
from adapters.pillow import PILLOW_ERRORS, on_white, open_pixels, upright
from contracts.errors import Permanent, Retryable
from contracts.limits import MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE_PX

_QUALITY = 88
_HASH_PX = 8


def shrink(data: bytes, longest_px: int) -> bytes:
    """Return the picture `data` as an upright RGB JPEG whose longer side has `longest_px` pixels, without metadata.

    What is small enough already comes back as it is, and so does what cannot be read or is beyond the fleet's limits:
    the fleet says what is wrong with it.
    """
    try:
        header = read_header(data)
    except (Permanent, Retryable):
        return data
    longest = max(header.width, header.height)
    if longest <= longest_px or longest > MAX_IMAGE_SIDE_PX or header.width * header.height > MAX_IMAGE_PIXELS:
        return data
    try:
        with open_pixels(header) as image:
            if image.mode.startswith("I"):  # 16 bits: Pillow would clip them, the fleet scales them
                return data
            image.draft("RGB", (longest_px, longest_px))
            image.thumbnail((longest_px, longest_px), Image.Resampling.BILINEAR, reducing_gap=2.0)
            return _jpeg(upright(image, header.orientation))
    except PILLOW_ERRORS:
        return data


def _jpeg(image: Image.Image) -> bytes:
    flat = on_white(image.convert("RGBA")) if image.has_transparency_data else image.convert("RGB")
    file = io.BytesIO()
    flat.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def fingerprint(data: bytes) -> int | None:
    """Return 64 bits that differ in few places for photographs of the same thing (dHash); None for what cannot be decoded."""
    try:
        with open_pixels(read_header(data)) as image:
            image.draft("L", (_HASH_PX + 1, _HASH_PX))
            grey = image.convert("L").resize((_HASH_PX + 1, _HASH_PX), Image.Resampling.BOX).tobytes()
    except (Permanent, Retryable, *PILLOW_ERRORS):
        return None
    bits = 0
    for row in range(_HASH_PX):
        for column in range(row * (_HASH_PX + 1), row * (_HASH_PX + 1) + _HASH_PX):
            bits = bits << 1 | (grey[column] < grey[column + 1])
    return bits
