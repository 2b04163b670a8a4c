"""What the rooms need of the outside, as Protocols. Each has an adapter a technology and a twin in `adapters.memory`."""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from contracts.facts import Fact
from contracts.ledger import Acceptance, AcceptedEvent, ClaimedItem, WorkerPulse
from contracts.messages import Message, QueueDepth, Received
from contracts.outcomes import DeadLetter, Outcome, Scores
from contracts.pictures import PictureFacts

Pixels: TypeAlias = Any
"""uint8 array of shape (224, 224, 3), RGB; contracts do without numpy so that an edge device can."""


class Clock(Protocol):
    """Where a room gets the time from."""

    def __call__(self) -> datetime:
        """Return the time now, aware, in UTC."""


class Telemetry(Protocol):
    """Where facts are told; it must never raise and never wait."""

    def emit(self, fact: Fact) -> None:
        """Log and count a fact."""


class Publisher(Protocol):
    """Where messages are appended. Raises QueueUnavailable or QueueFull."""

    def publish(self, messages: Sequence[Message]) -> None:
        """Append all messages; when it raises, some may be in: publishing them again must be harmless to the reader."""


class MessageQueue(Publisher, Protocol):
    """A queue with leases, for the edge and for dead letters. Raises QueueUnavailable or QueueFull."""

    def receive(self, max_messages: int, wait_s: float) -> list[Received]:
        """Lease up to `max_messages`, oldest first, waiting at most `wait_s` for the first one."""

    def ack(self, receipts: Sequence[str]) -> None:
        """Delete messages for good."""

    def release(self, receipts: Sequence[str]) -> None:
        """Give messages back, to be delivered again at once."""

    def depth(self) -> QueueDepth:
        """Count the messages; SQS answers with an estimate."""

    def oldest_age_s(self, now: datetime) -> float | None:
        """Return the age of the oldest message in seconds, None for an empty queue or where it cannot be told."""

    def memory_share(self) -> float | None:
        """Return the share of its memory that the broker uses, None where that has no bound or cannot be told."""


class WorkQueue(Protocol):
    """Wake-ups for workers. Losing or repeating one is harmless: the ledger knows what is open."""

    def publish(self, wake_ups: Sequence[Sequence[UUID]], *, first: bool = False) -> None:
        """Send each list of event ids as one wake-up, ahead of what waits if `first`; raises QueueUnavailable or QueueFull."""

    def depth(self) -> int:
        """Count the wake-ups that no worker has taken yet."""

    def depths(self, *others: str) -> Mapping[str, int]:
        """Count the wake-ups that no worker has taken, by the name of their queue; and what waits on `others` of its broker."""

    def busy(self) -> bool:
        """Return whether a wake-up waits, so that no worker is free; False where that cannot be known at once."""


class IntakeLedger(Protocol):
    """The ledger as intake sees it. Every method raises LedgerUnavailable when Postgres is away."""

    def accept(self, events: Sequence[AcceptedEvent], refusals: Sequence[Outcome]) -> Acceptance:
        """Open the new events and record the refusals; when it raises, some may be in, and repetition changes nothing."""

    def revoked(self) -> dict[str, int]:
        """Return the last revoked generation of each sensor that has one."""

    def live_workers(self) -> int:
        """Count the workers whose heartbeat is young."""

    def mark_published(self, event_ids: Collection[UUID]) -> None:
        """Note that dead letters are on their queue."""


class Reconciliation(Protocol):
    """The ledger as the reconciler sees it. `grace_s` is how long a wake-up may take before it counts as lost."""

    def lead(self) -> AbstractContextManager[bool]:
        """Hold the leadership while the context lasts; yields whether it was to be had."""

    def due(self, limit: int) -> list[UUID]:
        """Mark as woken and return the retries that are due."""

    def abandoned(self, limit: int) -> list[UUID]:
        """Mark as woken and return events whose lease has ended or whose holder is silent."""

    def passed_over(self, limit: int, grace_s: float, *, queue_empty: bool) -> list[UUID]:
        """Mark as woken and return open events whose wake-up must be lost: later ones were claimed, or none waits."""

    def unpublished(self, limit: int, grace_s: float) -> list[DeadLetter]:
        """Return dead letters that were recorded and not published."""

    def mark_published(self, event_ids: Collection[UUID]) -> None:
        """Note that dead letters are on their queue."""


class WorkerLedger(Protocol):
    """The ledger as a worker sees it. Every method raises LedgerUnavailable when Postgres is away."""

    def claim(self, event_ids: Sequence[UUID], owner: UUID, lease_s: float) -> list[ClaimedItem]:
        """Lease those of the events that are open, due and free, counting the attempt (and a vanished holder)."""

    def record(self, outcomes: Sequence[Outcome], owner: UUID) -> list[UUID]:
        """Write outcomes and close their events in one transaction; return the ids whose outcome this call wrote."""

    def postpone(self, delays_s: dict[UUID, float], owner: UUID, reasons: dict[UUID, str]) -> None:
        """Give leases back, each to be tried again after its delay."""

    def release(self, event_ids: Collection[UUID], owner: UUID) -> None:
        """Give leases back as if the events had never been claimed."""

    def mark_published(self, event_ids: Collection[UUID]) -> None:
        """Note that dead letters are on their queue."""

    def beat(self, pulse: WorkerPulse) -> int:
        """Renew the heartbeat that keeps this worker's leases; return the revision of what is to be served."""

    def leave(self, owner: UUID) -> None:
        """Take the heartbeat away: what this worker still holds is free."""


class ReviewDesk(Protocol):
    """Where dead letters wait for people."""

    def file(self, letters: Sequence[DeadLetter]) -> int:
        """Put dead letters into their lane, each once; return how many were new."""


class ImageSource(Protocol):
    """Where images come from. Safe to use from several threads."""

    def begin(self, image_url: str) -> Future[bytes]:
        """Begin to fetch a file; how many at a time is the caller's to bound. Cancelling the future gives the file up.

        Raises ImageForbidden at once. The future raises ImageForbidden, ImageMissing, ImageRefused, ImageTooLarge,
        ImageTruncated, ImageSourceDown or StoreKeysRefused, within the deadlines of a download; its callbacks may begin
        others.
        """

    def check(self, *, answers: bool = True) -> None:
        """Raise ObjectStoreUnavailable if the object store refuses every file, and with `answers` if it is away."""


class ObjectStore(Protocol):
    """Where a device puts its pictures."""

    def put(self, key: str, body: bytes, content_type: str) -> str:
        """Store an object and return its s3:// URL; raises ObjectStoreUnavailable."""


class KeptObjects(ObjectStore, Protocol):
    """Where models and labelled items lie."""

    def get(self, key: str, most_bytes: int) -> bytes:
        """Return an object; raises ObjectStoreUnavailable, and ObjectMissing for one that is missing or larger."""


class ImageDecoder(Protocol):
    """The one preprocessing, for training and for serving."""

    def __call__(self, data: bytes) -> Pixels:
        """Return the picture a model sees; raises ImageTooLarge, ImageTruncated, ImageUnreadable."""


class PictureMeter(Protocol):
    """What tells what a picture is like."""

    def __call__(self, image: Pixels, /) -> PictureFacts:
        """Return what a picture is like."""


class Classifier(Protocol):
    """A loaded model. Safe to call from several threads at once."""

    @property
    def version(self) -> str:
        """The model's version, as in its metadata."""

    @property
    def threshold(self) -> float:
        """The confidence from which this model is believed, in [0, 1]."""

    @property
    def outlier_threshold(self) -> float | None:
        """The outlier score above which it is not believed, in [0, 1]; None if it makes no such score."""

    def classify(self, image: Pixels) -> Scores:
        """Return the scores of a picture."""
