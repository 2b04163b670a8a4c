"""From a picture's bytes to the outbox: made small, freed of what tells more than the item, compared with those before it."""

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from contracts.errors import FleetError, Permanent, Retryable
from contracts.limits import MAX_IMAGE_BYTES
from producer.device import UNKNOWN_KIND, kind_of
from producer.edge.clocks import Moment
from producer.edge.outbox import Outbox, Picture
from producer.edge.shelf import ShelfFull
from producer.edge.tables import Kept

_NEIGHBOURS = 8
_NEIGHBOUR_S = 60.0
_NEAR_BITS = 5
"""Of 64: how much two photographs of the same thing differ by, moments apart."""

_log = structlog.get_logger("waste")


class PictureUnusable(FleetError):
    """The picture is not one that the fleet takes."""

    reason = "unusable"


class Answers(Protocol):
    """Says on the spot what is on a picture."""

    def answer(self, kept: Kept | None, image: bytes) -> None:
        """Tell whoever waits at the flap, and remember it for an event that was kept."""


@dataclass(slots=True)
class Taker:
    """Takes pictures. `prepare` returns what is sent or raises PictureUnusable.

    `fingerprint` returns 64 bits, None without Pillow, or raises what is wrong with a picture that it decodes.
    """

    outbox: Outbox
    prepare: Callable[[bytes], bytes]
    fingerprint: Callable[[bytes], int | None]
    answers: Answers | None = None
    _answered: bytes | None = None
    _before: deque[tuple[Moment, int | None, bytes]] = field(default_factory=lambda: deque(maxlen=_NEIGHBOURS))

    def take(self, data: bytes, at: Moment, name: str, source: bytes | None) -> Kept | None:
        """Keep a picture; None if it was kept before. Raises PictureUnusable, ShelfFull and ShelfBroken."""
        image = self.prepare(data)
        kind, content_type = kind_of(image)
        if (kind, content_type) == UNKNOWN_KIND:
            raise PictureUnusable("is not a JPEG, PNG or WebP image")
        if len(image) > MAX_IMAGE_BYTES:
            raise PictureUnusable(f"has {len(image)} bytes, at most {MAX_IMAGE_BYTES} are taken")
        try:
            bits, digest = self.fingerprint(image), hashlib.sha256(image).digest()
        except (Permanent, Retryable) as error:
            raise PictureUnusable(str(error)) from error
        near = self._looks_like_one_before(at, bits, digest)
        try:
            kept = self.outbox.keep(Picture(image, content_type, at, name, source, near))
        except ShelfFull:
            self._answer(None, image, digest)
            raise
        if kept:
            self._answer(kept, image, digest)
            self._before.append((at, bits, digest))
            _log.info("picture_kept", event_id=str(kept.event_id), sequence=kept.sequence, bytes=len(image), near_duplicate=near)
        return kept

    def _answer(self, kept: Kept | None, image: bytes, digest: bytes) -> None:
        """Answer, but once alone for a picture that waits in its folder for room."""
        if self.answers and digest != self._answered:
            self.answers.answer(kept, image)
        self._answered = None if kept else digest

    def _looks_like_one_before(self, at: Moment, bits: int | None, digest: bytes) -> bool:
        for then, its_bits, its_digest in self._before:
            if then.boot != at.boot or abs(at.since_boot_s - then.since_boot_s) > _NEIGHBOUR_S:
                continue
            if digest == its_digest or (bits is not None and its_bits is not None and (bits ^ its_bits).bit_count() <= _NEAR_BITS):
                return True
        return False
