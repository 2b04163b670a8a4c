"""From the bytes of a photograph to the pixels of the model: the one preprocessing of training and of serving."""

import io
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from adapters.image_headers import Header, ImageFormat, read_header
from contracts.errors import ImageTooLarge, ImageTruncated, ImageUnreadable
from contracts.limits import MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE_PX

Picture: TypeAlias = NDArray[np.uint8]
"""Shape (224, 224, 3), RGB."""

SIDE_PX = 224
PREPROCESSING = "rgb-224-bilinear-1"
"""Names what `decode` does; a model carries the name it was trained with, and another one is refused."""

# Not Image.open: it would try every plugin, and warns about sizes that are refused here anyway.
_OPENERS: dict[ImageFormat, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "jpeg": JpegImageFile,
    "png": PngImageFile,
    "webp": WebPImageFile,
}
_UNDO_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_WHITE = (255, 255, 255, 255)


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
    upright = _decode_pixels(header)
    if header.orientation in _UNDO_ORIENTATION:  # after the resize: on a square it is the same and costs less
        upright = upright.transpose(_UNDO_ORIENTATION[header.orientation])
    return np.array(upright)


def _decode_pixels(header: Header) -> Image.Image:
    try:
        with _OPENERS[header.format](io.BytesIO(header.pixels)) as image:
            image.draft("RGB", (SIDE_PX, SIDE_PX))  # a JPEG is decoded at 1/2, 1/4 or 1/8 if that is large enough
            image.load()
            return flatten(image)
    except (OSError, EOFError, SyntaxError, ValueError, TypeError, IndexError, AssertionError) as error:  # what fuzzing has met
        if "truncated" in str(error).lower():
            raise ImageTruncated(f"{header.format}: {error}") from error
        raise ImageUnreadable(f"{header.format}: {error}") from error


def flatten(image: Image.Image) -> Image.Image:
    """Return `image`, of any mode Pillow decodes to, as RGB of 224 x 224 pixels on white."""
    if image.mode.startswith("I"):
        image = _grey_of_16_bits(image)
    if not image.has_transparency_data:
        return _resize(image.convert("RGB"))
    small = _resize(image.convert("RGBA"))  # Pillow resizes premultiplied, so hidden colours do not bleed
    return Image.alpha_composite(Image.new("RGBA", small.size, _WHITE), small).convert("RGB")


def _resize(image: Image.Image) -> Image.Image:
    return image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR, reducing_gap=2.0)


def _grey_of_16_bits(image: Image.Image) -> Image.Image:
    """Scale to 8 bits; Pillow's own conversion clips at 255. A transparent grey value becomes white."""
    values = np.asarray(image)
    grey = (np.clip(values, 0, 65_535) >> 8).astype(np.uint8)
    if isinstance(key := image.info.get("transparency"), int):
        grey[values == key] = 255
    return Image.fromarray(grey)
