"""A camera's photograph, made as small as the fleet needs before it goes up a bin's slow line."""

import io

from PIL import Image, ImageOps

from adapters.image_headers import read_header
from contracts.errors import Permanent, Retryable
from contracts.limits import MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE_PX

_QUALITY = 88
_WHITE = (255, 255, 255, 255)


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
        with Image.open(io.BytesIO(data), formats=[header.format.upper()]) as image:
            if image.mode.startswith("I"):  # 16 bits: Pillow would clip them, the fleet scales them
                return data
            image.draft("RGB", (longest_px, longest_px))
            image.thumbnail((longest_px, longest_px), Image.Resampling.BILINEAR, reducing_gap=2.0)
            return _jpeg(ImageOps.exif_transpose(image))
    except (OSError, EOFError, SyntaxError, ValueError, TypeError, IndexError, AssertionError):
        return data


def _jpeg(image: Image.Image) -> bytes:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, _WHITE), image)
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
