"""What is common to all who use Pillow here, without numpy: open by the container that was read, turn upright, put on white."""

import io
from collections.abc import Callable

from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from adapters.pictures.headers import Header, ImageFormat

PILLOW_ERRORS = (OSError, EOFError, SyntaxError, ValueError, TypeError, IndexError, AssertionError)
"""What fuzzing has met."""

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


def open_pixels(header: Header) -> ImageFile.ImageFile:
    """Return the picture of a header, not decoded yet; raises PILLOW_ERRORS."""
    return _OPENERS[header.format](io.BytesIO(header.pixels))


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Undo an EXIF orientation (1 to 8)."""
    undo = _UNDO_ORIENTATION.get(orientation)
    return image if undo is None else image.transpose(undo)


def on_white(image: Image.Image) -> Image.Image:
    """Return an RGBA image as RGB on white."""
    return Image.alpha_composite(Image.new("RGBA", image.size, _WHITE), image).convert("RGB")
