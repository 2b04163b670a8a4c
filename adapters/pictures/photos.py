"""A camera's photograph, made as small as the fleet needs before it goes up a bin's slow line."""

import io

from PIL import Image

from adapters.pictures.headers import Header, read_header
from adapters.pictures.opening import PILLOW_ERRORS, on_white, open_pixels, upright
from contracts.errors import ImageTruncated, Permanent, Retryable
from contracts.limits import MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE_PX

_QUALITY = 88
_HASH_PX = 8
_MOST_JPEG_PIXELS, _MOST_PROGRESSIVE_PIXELS = 200_000_000, 50_000_000
"""Of a progressive JPEG libjpeg keeps all coefficients, up to 6 bytes for each pixel, whatever the size it is decoded at."""


def shrink(data: bytes, longest_px: int) -> bytes:
    """Return the picture `data` as an upright RGB JPEG whose longer side has `longest_px` pixels, without metadata.

    What is small enough already comes back as it is, and so does what cannot be read or is beyond the fleet's limits:
    the fleet says what is wrong with it. A JPEG beyond them is made smaller all the same, for it is decoded at a part of its size.
    """
    try:
        header = read_header(data)
    except (Permanent, Retryable):
        return data
    longest = max(header.width, header.height)
    part = next((part for part in (1, 2, 4, 8) if _fits(header, part)), 0)
    if not part or (longest <= longest_px if part == 1 else header.format != "jpeg"):
        return data
    side_px = min(longest_px, longest // part)
    try:
        with open_pixels(header) as image:
            if image.mode.startswith("I"):  # 16 bits: Pillow would clip them, the fleet scales them
                return data
            if part > 1 and not _is_cheap(image):
                return data
            image.draft("RGB", (max(1, header.width * side_px // longest), max(1, header.height * side_px // longest)))
            image.thumbnail((side_px, side_px), Image.Resampling.BILINEAR, reducing_gap=2.0)
            return _jpeg(upright(image, header.orientation))
    except PILLOW_ERRORS:
        return data


def _fits(header: Header, part: int) -> bool:
    """Return whether one `part`-th of each side is within the fleet's limits."""
    within = header.width * header.height <= MAX_IMAGE_PIXELS * part**2
    return within and max(header.width, header.height) <= MAX_IMAGE_SIDE_PX * part


def _is_cheap(image: Image.Image) -> bool:
    """Return whether a picture beyond the limits can be decoded at a part of its size within some hundred megabytes."""
    most = _MOST_PROGRESSIVE_PIXELS if image.info.get("progressive") else _MOST_JPEG_PIXELS
    return image.width * image.height <= most


def _jpeg(image: Image.Image) -> bytes:
    flat = on_white(image.convert("RGBA")) if image.has_transparency_data else image.convert("RGB")
    file = io.BytesIO()
    flat.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def fingerprint(data: bytes) -> int | None:
    """Return 64 bits that differ in few places for photographs of the same thing (dHash).

    None for what cannot be decoded or is beyond the fleet's limits; raises ImageTruncated if its end is missing.
    """
    try:
        header = read_header(data)
        if not _fits(header, 1):
            return None
        with open_pixels(header) as image:
            image.draft("L", (_HASH_PX + 1, _HASH_PX))
            grey = image.convert("L").resize((_HASH_PX + 1, _HASH_PX), Image.Resampling.BOX).tobytes()
    except (Permanent, Retryable):
        return None
    except PILLOW_ERRORS as error:
        if "truncated" in str(error).lower():
            raise ImageTruncated(f"{header.format}: {error}") from error
        return None
    bits = 0
    for row in range(_HASH_PX):
        for column in range(row * (_HASH_PX + 1), row * (_HASH_PX + 1) + _HASH_PX):
            bits = bits << 1 | (grey[column] < grey[column + 1])
    return bits
