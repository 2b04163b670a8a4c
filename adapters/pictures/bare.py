"""A picture without what it tells beside its pixels: where, when and by whom it was taken. Needs no Pillow."""

import struct
import zlib

from adapters.pictures.headers import read_header

_VP8X_TELLS = 0x20 | 0x08 | 0x04
"""ICC profile, EXIF and XMP; what is left says of animation and transparency."""
_VP8X_EXIF = 0x08
_WEBP_KEPT = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"})


def bare(data: bytes) -> bytes:
    """Return a JPEG, PNG or WebP with its pixels as they are, its orientation, and nothing else.

    Raises what `read_header` raises: ImageTruncated and ImageUnreadable.
    """
    header = read_header(data)
    if header.format == "webp":
        return _webp(data, header.orientation)
    if header.orientation == 1:
        return header.pixels
    if header.format == "jpeg":
        return header.pixels[:2] + _jpeg_orientation(header.orientation) + header.pixels[2:]
    return header.pixels[:33] + _png_orientation(header.orientation) + header.pixels[33:]


def _tiff(orientation: int) -> bytes:
    return b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)


def _jpeg_orientation(orientation: int) -> bytes:
    body = b"Exif\0\0" + _tiff(orientation)
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _png_orientation(orientation: int) -> bytes:
    body = b"eXIf" + _tiff(orientation)
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def _webp(data: bytes, orientation: int) -> bytes:
    parts, start = [], 12
    while start + 8 <= len(data):
        kind, length = data[start : start + 4], int.from_bytes(data[start + 4 : start + 8], "little")
        end = start + 8 + length + length % 2
        if kind in _WEBP_KEPT:
            part = bytearray(data[start:end])
            if kind == b"VP8X":
                part[8] = part[8] & ~_VP8X_TELLS & 0xFF | (0 if orientation == 1 else _VP8X_EXIF)
            parts.append(bytes(part))
        start = end
    if orientation != 1:
        tiff = _tiff(orientation)
        parts.append(b"EXIF" + len(tiff).to_bytes(4, "little") + tiff)
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + len(body).to_bytes(4, "little") + body
