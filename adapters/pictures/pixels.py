"""From the bytes of a photograph to the pixels of the model: the one preprocessing of training and of serving."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adapters.pictures.headers import Header, read_header
from adapters.pictures.opening import PILLOW_ERRORS, on_white, open_pixels, upright
from contracts.errors import ImageTooLarge, ImageTruncated, ImageUnreadable
from contracts.limits import MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE_PX

Picture: TypeAlias = NDArray[np.uint8]
"""Shape (224, 224, 3), RGB."""

SIDE_PX = 224
PREPROCESSING = "rgb-224-bilinear-1"
"""Names what `decode` does; a model carries the name it was trained with, and another one is refused."""


def decode(data: bytes) -> Picture:
    """Return the picture in `data` (JPEG, PNG or WebP by its own signature; the first frame) as uint8 (224, 224, 3) RGB.

    The whole picture is resized without cropping, turned upright by its EXIF orientation, and laid on white where it
    is transparent. Raises `ImageTooLarge` above 15 MB or 25 megapixels (before any pixel is decoded),
    `ImageTruncated` if the data ends too early, else `ImageUnreadable`. Takes up to about 500 MB for a moment, for 25
    megapixels of WebP.
    """
    if len(data) > MAX_IMAGE_BYTES:
        raise ImageTooLarge(f"{len(data)} bytes, at most {MAX_IMAGE_BYTES}")
    header = read_header(data)
    if header.width * header.height > MAX_IMAGE_PIXELS or max(header.width, header.height) > MAX_IMAGE_SIDE_PX:
        limits = f"at most {MAX_IMAGE_PIXELS} in all and {MAX_IMAGE_SIDE_PX} a side"
        raise ImageTooLarge(f"{header.width} x {header.height} pixels, {limits}")
    # Turned after the resize: on a square it is the same and costs less.
    return np.array(upright(_decode_pixels(header), header.orientation))


def _decode_pixels(header: Header) -> Image.Image:
    try:
        with open_pixels(header) as image:
            image.draft("RGB", (SIDE_PX, SIDE_PX))  # a JPEG is decoded at 1/2, 1/4 or 1/8 if that is large enough
            image.load()
            return flatten(image)
    except PILLOW_ERRORS as error:
        if "truncated" in str(error).lower():
            raise ImageTruncated(f"{header.format}: {error}") from error
        raise ImageUnreadable(f"{header.format}: {error}") from error


def flatten(image: Image.Image) -> Image.Image:
    """Return `image`, of any mode Pillow decodes to, as RGB of 224 x 224 pixels on white."""
    if image.mode.startswith("I"):
        image = _grey_of_16_bits(image)
    if not image.has_transparency_data:
        return _resize(image.convert("RGB"))
    return on_white(_resize(image.convert("RGBA")))  # Pillow resizes premultiplied, so hidden colours do not bleed


def flatten_whole(image: Image.Image) -> Image.Image:
    """Return `image`, of any mode Pillow decodes to, as RGB in its own size on white."""
    if image.mode.startswith("I"):
        image = _grey_of_16_bits(image)
    return on_white(image.convert("RGBA")) if image.has_transparency_data else image.convert("RGB")


def _resize(image: Image.Image) -> Image.Image:
    return image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR, reducing_gap=2.0)


def _grey_of_16_bits(image: Image.Image) -> Image.Image:
    """Scale to 8 bits; Pillow's own conversion clips at 255. A transparent grey value becomes white."""
    values = np.asarray(image)
    grey = (np.clip(values, 0, 65_535) >> 8).astype(np.uint8)
    if isinstance(key := image.info.get("transparency"), int):
        grey[values == key] = 255
    return Image.fromarray(grey)
