"""Pictures for people: fetched by the server, decoded under the fleet's limits, and made anew.

No byte of a stranger's file reaches a browser.
"""

import io
import threading
from collections import OrderedDict
from concurrent.futures import TimeoutError as Timeout

from PIL import Image

from adapters.pictures.headers import Header, read_header
from adapters.pictures.opening import PILLOW_ERRORS, open_pixels, upright
from adapters.pictures.pixels import flatten_whole
from contracts.errors import ImageSourceDown, ImageTooLarge, ImageUnreadable
from contracts.limits import MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE_PX
from contracts.ports import ImageSource

_PATIENCE_S = 10.0
_QUALITY = 85
_AT_ONCE = 4


class FleetPictures:
    """Implements `contracts.review_ports.Pictures`, with a cache that is bounded by its bytes."""

    def __init__(self, images: ImageSource, *, cache_bytes: int = 128 * 2**20) -> None:
        """Fetch from `images`; keep up to `cache_bytes` of what was made."""
        self._images = images
        self._left = cache_bytes
        self._made: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = threading.Semaphore(_AT_ONCE)

    def jpeg(self, image_url: str, longest_px: int) -> bytes:
        """Return the picture upright as an RGB JPEG without metadata, its longer side at most `longest_px`.

        Raises what `ImageSource.begin` and its future raise, ImageTooLarge, ImageTruncated or ImageUnreadable.
        """
        key = (image_url, longest_px)
        with self._lock:
            if (made := self._made.get(key)) is not None:
                self._made.move_to_end(key)
                return made
        future = self._images.begin(image_url)
        try:
            data = future.result(_PATIENCE_S)
        except Timeout:
            future.cancel()
            raise ImageSourceDown(f"no picture within {_PATIENCE_S:.0f} s") from None
        with self._turns:
            made = _remake(data, longest_px)
        self._keep(key, made)
        return made

    def _keep(self, key: tuple[str, int], made: bytes) -> None:
        with self._lock:
            if key not in self._made:
                self._made[key] = made
                self._left -= len(made)
            while self._left < 0:
                _, oldest = self._made.popitem(last=False)
                self._left += len(oldest)


def _remake(data: bytes, longest_px: int) -> bytes:
    if len(data) > MAX_IMAGE_BYTES:
        raise ImageTooLarge(f"{len(data)} bytes, at most {MAX_IMAGE_BYTES}")
    header = read_header(data)
    if header.width * header.height > MAX_IMAGE_PIXELS or max(header.width, header.height) > MAX_IMAGE_SIDE_PX:
        raise ImageTooLarge(f"{header.width} x {header.height} pixels")
    try:
        return _jpeg(header, longest_px)
    except PILLOW_ERRORS as error:
        raise ImageUnreadable(f"{header.format}: {error}") from error


def _jpeg(header: Header, longest_px: int) -> bytes:
    with open_pixels(header) as image:
        image.draft("RGB", (longest_px, longest_px))
        image.load()
        flat = flatten_whole(image)
    flat.thumbnail((longest_px, longest_px), Image.Resampling.BILINEAR, reducing_gap=2.0)
    file = io.BytesIO()
    upright(flat, header.orientation).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
