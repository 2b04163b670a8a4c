"""Files that are no good picture, with the reason that the outcome must have. Built from nothing, so that each is known."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

GOOD_REASON = "prediction"
UNREADABLE, TOO_LARGE, TRUNCATED = "image_unreadable", "image_too_large", "image_truncated"


def bad_images() -> list[tuple[str, bytes, str]]:
    """Return (name, bytes, reason)."""
    jpeg, png, webp = (_photo(kind) for kind in ("JPEG", "PNG", "WEBP"))
    rows: list[tuple[str, bytes, str]] = [("nothing", b"", UNREADABLE)]
    rows += [(f"another format: {name}", data, UNREADABLE) for name, data in _other_formats()]
    rows += [(f"jpeg cut at {share}", jpeg[: int(len(jpeg) * share)], TRUNCATED) for share in (0.3, 0.5, 0.7, 0.9, 0.98)]
    rows += [(f"png cut at {share}", png[: int(len(png) * share)], TRUNCATED) for share in (0.3, 0.5, 0.7, 0.9)]
    rows += [(f"webp cut at {share}", webp[: int(len(webp) * share)], TRUNCATED) for share in (0.3, 0.6, 0.9)]
    rows += [
        ("bomb of 30000 x 30000", _png_header(30_000, 30_000), TOO_LARGE),
        ("bomb of 5001 x 5000", _png_header(5_001, 5_000), TOO_LARGE),
        ("one pixel wide and 20 million high", _png_header(1, 20_000_000), TOO_LARGE),
        ("png with a palette that is missing", _png_header(10, 10, zlib.compress(b"\0" * 110), colour=3), UNREADABLE),
        ("16 MB", jpeg + b"\0" * (16 * 1024 * 1024 - len(jpeg)), TOO_LARGE),
        ("png of no width", _png_header(0, 10), UNREADABLE),
        ("png with a wrong checksum", png[:60] + bytes([png[60] ^ 255]) + png[61:], UNREADABLE),
        ("png with rubbish for pixels", _png_header(100, 100, b"rubbish"), UNREADABLE),
        ("jpeg's first bytes alone", jpeg[:3], TRUNCATED),
        ("png's first bytes alone", png[:8], TRUNCATED),
        ("RIFF of a sound", b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 40, UNREADABLE),
        ("text of a page", b"<!doctype html><title>404</title>", UNREADABLE),
        ("zeros", b"\0" * 5000, UNREADABLE),
        ("ones", b"\xff" * 5000, UNREADABLE),
        ("jpeg's start and noise", b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20, UNREADABLE),
    ]
    rows += [(f"noise {seed}", np.random.default_rng(seed).bytes(3000), UNREADABLE) for seed in range(18)]
    return rows


def _photo(kind: str) -> bytes:
    pixels = np.random.default_rng(5).integers(0, 256, (120, 160, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def _other_formats() -> list[tuple[str, bytes]]:
    rows = []
    for kind in ("GIF", "BMP", "TIFF", "ICO", "PPM", "TGA"):
        file = io.BytesIO()
        Image.new("RGB", (40, 30), (10, 120, 30)).save(file, kind)
        rows.append((kind, file.getvalue()))
    rows += [
        ("SVG", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("PDF", b"%PDF-1.7\n%%EOF"),
        ("ZIP", b"PK\x03\x04" + b"\0" * 30),
    ]
    return rows


def _png_header(width: int, height: int, pixels: bytes | None = None, colour: int = 2) -> bytes:
    body = zlib.compress(b"\0" * 1000) if pixels is None else pixels
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
