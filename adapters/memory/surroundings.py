"""In-memory twins of what is left: time, telemetry, images and object stores."""

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from contracts.errors import ImageMissing, ImageSourceDown, ObjectMissing, ObjectStoreUnavailable, StoreKeysRefused
from contracts.facts import Fact

FactT = TypeVar("FactT")


class ManualClock:
    """Twin of `contracts.ports.Clock` that moves when told."""

    def __init__(self, start: datetime = datetime(2026, 1, 15, 12, tzinfo=UTC)) -> None:
        """Start at an aware time."""
        self.now = start

    def __call__(self) -> datetime:
        """Return the time it was set to."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self.now += timedelta(seconds=seconds)


@dataclass(slots=True)
class MemoryTelemetry:
    """Twin of `contracts.ports.Telemetry` that keeps what it is told."""

    facts: list[Fact] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def emit(self, fact: Fact) -> None:
        """Keep a fact."""
        with self._lock:
            self.facts.append(fact)

    def of(self, kind: type[FactT]) -> list[FactT]:
        """Return the facts of one kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]


@dataclass
class MemoryObjects:
    """Twin of `contracts.ports.KeptObjects` and `contracts.ports.ImageSource`."""

    bucket: str = "images"
    objects: dict[str, bytes] = field(default_factory=dict)
    keys_are_good: bool = True
    is_away: bool = False

    def put(self, key: str, body: bytes, content_type: str) -> str:  # noqa: ARG002
        """Store an object and return its URL."""
        url = f"s3://{self.bucket}/{key}"
        self.objects[url] = body
        return url

    def get(self, key: str, most_bytes: int) -> bytes:
        """Return an object."""
        if self.is_away:
            raise ObjectStoreUnavailable
        body = self.objects.get(f"s3://{self.bucket}/{key}")
        if body is None or len(body) > most_bytes:
            raise ObjectMissing(key)
        return body

    def begin(self, image_url: str) -> Future[bytes]:
        """Return an object or ImageMissing at once."""
        future: Future[bytes] = Future()
        if not self.keys_are_good:
            future.set_exception(StoreKeysRefused())
        elif self.is_away:
            future.set_exception(ImageSourceDown())
        elif image_url in self.objects:
            future.set_result(self.objects[image_url])
        else:
            future.set_exception(ImageMissing(image_url))
        return future

    def check(self, *, answers: bool = True) -> None:
        """Refuse as it is told to."""
        if not self.keys_are_good or (answers and self.is_away):
            raise ObjectStoreUnavailable
