"""One bin: its name, its credential and its count of events."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from uuid import UUID

from contracts.codec import encode_event
from contracts.errors import EventInvalid
from contracts.events import SENSOR_ID, ItemCaptured
from contracts.ids import uuid7
from contracts.messages import Message
from contracts.names import SCHEMA_VERSION, SIGNATURE_HEADER
from contracts.picture_keys import picture_key
from contracts.signatures import Credential, sign

_KINDS = ((b"\xff\xd8\xff", "jpg", "image/jpeg"), (b"\x89PNG", "png", "image/png"), (b"RIFF", "webp", "image/webp"))
UNKNOWN_KIND = ("bin", "application/octet-stream")


@dataclass(frozen=True, slots=True)
class Capture:
    """A picture that was taken and is not sent yet."""

    event_id: UUID
    captured_at: datetime
    sequence: int
    image: bytes

    def object_key(self, sensor_id: str) -> str:
        """Return where the picture belongs in the object store."""
        return picture_key(sensor_id, self.captured_at, self.event_id, kind_of(self.image)[0])


@dataclass(slots=True)
class Device:
    """A sensor that captures and signs. Safe to use from several threads."""

    credential: Credential
    clock: Callable[[], datetime]
    next_sequence: int = 0
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        """Raise EventInvalid for a name that no event may carry: at once, not after the first upload."""
        if not SENSOR_ID.fullmatch(self.sensor_id):
            raise EventInvalid("sensor_id", f"{self.sensor_id!r} is not 1 to 64 letters, digits and ._:-")

    @property
    def sensor_id(self) -> str:
        """The sensor's name."""
        return self.credential.sensor_id

    def capture(self, image: bytes) -> Capture:
        """Give a picture its id, time and number."""
        with self._lock:
            captured_at = self.clock()
            capture = Capture(uuid7(captured_at, os.urandom(10)), captured_at, self.next_sequence, image)
            self.next_sequence += 1
        return capture

    def message(self, capture: Capture, image_url: str, attributes: dict[str, object] | None = None) -> Message:
        """Return the signed event of a capture whose picture lies at `image_url`; raises EventInvalid over 8 KB."""
        event = ItemCaptured(
            schema_version=SCHEMA_VERSION,
            event_id=capture.event_id,
            sensor_id=self.sensor_id,
            image_url=image_url,
            captured_at=capture.captured_at,
            sequence=capture.sequence,
            attributes=attributes or {},
        )
        body = encode_event(event)
        return Message(body, {SIGNATURE_HEADER: sign(self.credential, body)})


def kind_of(image: bytes) -> tuple[str, str]:
    """Return a picture's file ending and content type by its first bytes; UNKNOWN_KIND for anything else."""
    for magic, ending, content_type in _KINDS:
        if image.startswith(magic):
            return ending, content_type
    return UNKNOWN_KIND
