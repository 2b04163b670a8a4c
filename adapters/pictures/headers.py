"""Reads the containers JPEG, PNG and WebP without decoding them: size, orientation, and the bytes that make pixels.

Metadata (ICC, EXIF, XMP, text, animation control) is left out of what a decoder gets to see, so that neither its
compressed bombs nor a decoder's warnings about it can reach the fleet, and the size is known before memory is taken.
Sources: ITU-T T.81 annex B (JPEG), W3C PNG third edition, RFC 9649 (WebP), TIFF 6.0 (the orientation tag of EXIF 2.32).
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from contracts.errors import ImageTruncated, ImageUnreadable

ImageFormat: TypeAlias = Literal["jpeg", "png", "webp"]

JPEG_MAGIC = b"\xff\xd8\xff"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
MAX_PARTS = 65_536
"""Segments or chunks a file may have; real files have under 2,000."""
MAX_SCANS = 64
"""Scans a progressive JPEG may have; encoders make about 10, and each one costs a pass over the whole picture."""

_PNG_PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOS, _APP0, _APP1, _APP14, _APP15, _COM = 0xDA, 0xE0, 0xE1, 0xEE, 0xEF, 0xFE
_ORIENTATION_TAG, _SHORT = 0x0112, 3


@dataclass(frozen=True)
class Header:
    """What a file says of itself: its format, `width` and `height` in pixels, and its EXIF orientation (1 to 8).

    `pixels` is the file again without its metadata.
    """

    format: ImageFormat
    width: int
    height: int
    orientation: int
    pixels: bytes


def read_header(data: bytes) -> Header:
    """Walk the container of `data`, the bytes of one file.

    Raises `ImageTruncated` if the container ends too early and `ImageUnreadable` if it is none of the three formats,
    is malformed, or has no pixels. Copies at most `data` once and decodes nothing.
    """
    if data.startswith(JPEG_MAGIC):
        header = _read_jpeg(data)
    elif data.startswith(PNG_MAGIC):
        header = _read_png(data)
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        header = _read_webp(data)
    elif _starts_a_magic(data):
        raise ImageTruncated(f"{len(data)} bytes")
    else:
        raise ImageUnreadable("no JPEG, PNG or WebP signature")
    if header.width < 1 or header.height < 1:
        raise ImageUnreadable(f"{header.width} x {header.height} pixels")
    return header


def _starts_a_magic(data: bytes) -> bool:
    if not data:
        return False
    riff = len(data) < 12 and b"RIFF".startswith(data[:4]) and b"WEBP".startswith(data[8:])
    return riff or JPEG_MAGIC.startswith(data) or PNG_MAGIC.startswith(data)


def _read_jpeg(data: bytes) -> Header:
    kept, orientation, size = [data[:2]], 1, None
    for marker, start, end in _jpeg_segments(data):
        body = data[start + 4 : end]
        if marker in _SOF:
            if size is not None or len(body) < 6:
                raise ImageUnreadable("a JPEG needs one whole frame header")
            size = struct.unpack_from(">HH", body, 1)
        elif marker == _APP1 and body.startswith(b"Exif\0\0"):
            orientation = read_orientation(body)
        if (marker not in range(_APP1, _APP15 + 1) and marker != _COM) or marker == _APP14:
            kept.append(data[start:end])
    if size is None:
        raise ImageUnreadable("a scan before the frame header")
    if data.count(b"\xff\xda", start) > MAX_SCANS:
        raise ImageUnreadable(f"more than {MAX_SCANS} scans")
    kept.append(data[end:])
    return Header("jpeg", size[1], size[0], orientation, b"".join(kept))


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment up to and including the first start of scan."""
    start = 2
    for _ in range(MAX_PARTS):
        while data[start : start + 2] == b"\xff\xff":
            start += 1
        if len(data) < start + 4:
            raise ImageTruncated("in the JPEG header")
        marker, length = data[start + 1], int.from_bytes(data[start + 2 : start + 4])
        if data[start] != 0xFF or marker < 0xC0 or 0xD0 <= marker <= 0xD9 or length < 2:
            raise ImageUnreadable(f"no JPEG segment at byte {start}")
        end = start + 2 + length
        if end > len(data):
            raise ImageTruncated("in the JPEG header")
        yield marker, start, end
        if marker == _SOS:
            return
        start = end
    raise ImageUnreadable("too many JPEG segments")


def _read_png(data: bytes) -> Header:
    kept, orientation, size = [PNG_MAGIC], 1, None
    for kind, start, end in _png_chunks(data):
        if (size is None) is not (kind == b"IHDR") or (kind == b"IHDR" and end - start != 25):
            raise ImageUnreadable("a PNG begins with its one header")
        if kind == b"IHDR":
            size = struct.unpack_from(">II", data, start + 8)
        if kind == b"eXIf":
            orientation = read_orientation(data[start + 8 : end - 4])
        if kind in _PNG_PIXEL_CHUNKS:
            if zlib.crc32(memoryview(data)[start + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
                raise ImageUnreadable(f"wrong checksum of the PNG chunk at byte {start}")
            kept.append(data[start:end])
    if size is None:
        raise ImageUnreadable("no PNG header")
    return Header("png", size[0], size[1], orientation, b"".join(kept))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of each chunk up to and including IEND."""
    start = len(PNG_MAGIC)
    for _ in range(MAX_PARTS):
        if len(data) < start + 12:
            raise ImageTruncated("between PNG chunks")
        kind, end = data[start + 4 : start + 8], start + 12 + int.from_bytes(data[start : start + 4])
        if not kind.isalpha():
            raise ImageUnreadable(f"no PNG chunk at byte {start}")
        if end > len(data):
            raise ImageTruncated("in a PNG chunk")
        yield kind, start, end
        if kind == b"IEND":
            return
        start = end
    raise ImageUnreadable("too many PNG chunks")


def _read_webp(data: bytes) -> Header:
    size, orientation = None, 1
    for kind, start, end in _webp_chunks(data):
        if size is None:
            size = _webp_size(kind, data[start + 8 : end])
        elif kind == b"EXIF":
            orientation = read_orientation(data[start + 8 : end])
    if size is None:
        raise ImageUnreadable("an empty WebP container")
    return Header("webp", size[0], size[1], orientation, data)


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of each chunk within the size that the container gives."""
    start, riff_end = 12, 8 + int.from_bytes(data[4:8], "little")
    if riff_end > len(data):
        raise ImageTruncated(f"{len(data)} of {riff_end} bytes")
    for _ in range(MAX_PARTS):
        if start + 8 > riff_end:
            return
        end = start + 8 + int.from_bytes(data[start + 4 : start + 8], "little")
        if end > riff_end:
            raise ImageUnreadable("a WebP chunk longer than its container")
        yield data[start : start + 4], start, end
        start = end + end % 2
    raise ImageUnreadable("too many WebP chunks")


def _webp_size(kind: bytes, body: bytes) -> tuple[int, int]:
    if kind == b"VP8X" and len(body) >= 10:
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and len(body) >= 10 and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    raise ImageUnreadable("no WebP picture header")


def read_orientation(exif: bytes) -> int:
    """Return the orientation (1 to 8) in the EXIF block `exif`, and 1 if it has none that makes sense.

    EXIF is decoration: a broken block must not cost the picture, so nothing is raised.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 10:
        return 1
    (offset,) = struct.unpack_from(order + "I", tiff, 4)
    if offset + 2 > len(tiff):
        return 1
    (count,) = struct.unpack_from(order + "H", tiff, offset)
    for entry in range(offset + 2, min(offset + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, entry)
        if tag == _ORIENTATION_TAG and kind == _SHORT:
            return value if 1 <= value <= 8 else 1
    return 1
