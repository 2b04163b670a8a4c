"""One HTTP GET that ends: by its size, by its deadline, by its rate, and by what the other side says."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import NoReturn

from contracts.errors import ImageMissing, ImageRefused, ImageSourceDown, ImageTooLarge, ImageTruncated
from contracts.limits import MAX_IMAGE_BYTES

_CHUNK_BYTES = 64 * 1024
_LARGE_CHUNK_BYTES = 512 * 1024
_MAX_RETRY_AFTER_S = 600.0
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_MISSING = 404
_GONE = 410
_OK = 200


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """What a download may take: bytes, seconds to connect, for a single wait and in all, bytes a second after the first two."""

    max_bytes: int = MAX_IMAGE_BYTES
    connect_s: float = 3.0
    total_s: float = 15.0
    min_rate: int = 10 * 1024
    rate_grace_s: float = 2.0

    @property
    def wait_s(self) -> float:
        """The longest that the other side may be silent."""
        return min(5.0, self.total_s)


@contextmanager
def download_errors() -> Iterator[None]:
    """Raise ImageTruncated or ImageSourceDown for what the HTTP client raises."""
    try:
        yield
    except IncompleteRead as error:
        raise ImageTruncated("the answer ends before its end") from error
    except (HTTPException, OSError) as error:
        raise ImageSourceDown(f"{type(error).__name__}: {error}"[:200]) from error


def read_body(response: HTTPResponse, limits: DownloadLimits, started: float) -> bytes:
    """Return the body of a 200 answer; `started` is `time.monotonic()` at the request.

    Raises ImageTooLarge as soon as the size is known to be over the cap, and ImageSourceDown over the deadline or under
    the least rate.
    """
    announced = response.length
    if announced is not None and announced > limits.max_bytes:
        raise ImageTooLarge(f"{min(announced, 10**18)} bytes announced, at most {limits.max_bytes} are taken")
    chunk_bytes = _LARGE_CHUNK_BYTES if announced and announced > _LARGE_CHUNK_BYTES else _CHUNK_BYTES
    parts: list[bytes] = []
    size = 0
    while chunk := response.read1(chunk_bytes):
        parts.append(chunk)
        size += len(chunk)
        if size > limits.max_bytes:
            raise ImageTooLarge(f"more than {limits.max_bytes} bytes")
        _check_pace(size, time.monotonic() - started, limits)
    if size < (1 if announced is None else announced):
        raise ImageTruncated(f"{size} of {'an unknown number of' if announced is None else announced} bytes came")
    return b"".join(parts)


def _check_pace(size: int, elapsed_s: float, limits: DownloadLimits) -> None:
    if elapsed_s > limits.total_s:
        raise ImageSourceDown(f"the download took over {limits.total_s:g} s")
    if elapsed_s > limits.rate_grace_s and size < limits.min_rate * (elapsed_s - limits.rate_grace_s):
        raise ImageSourceDown(f"the download is slower than {limits.min_rate} bytes a second")


def refuse_status(status: int, retry_after_s: float | None) -> NoReturn:
    """Raise what an answer other than 200 means; what its server asks for is granted up to ten minutes."""
    if status in {_MISSING, _GONE}:
        raise ImageMissing(f"HTTP {status}")
    if status in _TRANSIENT or status >= 500:
        raise ImageSourceDown(
            f"HTTP {status}", retry_after_s=None if retry_after_s is None else min(retry_after_s, _MAX_RETRY_AFTER_S)
        )
    raise ImageRefused(f"HTTP {status}")


def seconds_to_wait(retry_after: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which gives them or a date; nothing if it gives neither."""
    if not retry_after:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except (ValueError, TypeError):
        return None
    wait_s = (moment - datetime.now(moment.tzinfo or UTC)).total_seconds()
    return max(wait_s, 0.0)
