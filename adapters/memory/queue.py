"""In-memory twins of the queues, for tests and for trying a room on its own. They pass the real ones' behaviour suite."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from contracts.messages import Message, QueueDepth, Received
from contracts.names import WORK_QUEUE, WORK_QUEUE_FIRST


@dataclass(slots=True)
class _Entry:
    number: int
    message: Message
    enqueued_at: datetime
    deliveries: int = 0
    leased_until: float = 0.0
    receipt: str = ""


class MemoryMessageQueue:
    """Twin of `contracts.ports.MessageQueue`; `monotonic` is the clock of its leases, in seconds."""

    def __init__(self, *, lease_s: float = 60.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start empty."""
        self._lease_s = lease_s
        self._monotonic = monotonic
        self._entries: dict[int, _Entry] = {}
        self._numbers = 0
        self._changed = threading.Condition()

    def publish(self, messages: Sequence[Message]) -> None:
        """Append all messages."""
        with self._changed:
            for message in messages:
                self._numbers += 1
                self._entries[self._numbers] = _Entry(self._numbers, message, datetime.now(UTC))
            self._changed.notify_all()

    def receive(self, max_messages: int, wait_s: float) -> list[Received]:
        """Lease what is free, oldest first."""
        with self._changed:
            if not self._free():
                self._changed.wait(wait_s)
            return [self._lease(entry) for entry in self._free()[:max_messages]]

    def ack(self, receipts: Sequence[str]) -> None:
        """Delete messages."""
        with self._changed:
            for entry in self._held(receipts):
                del self._entries[entry.number]

    def release(self, receipts: Sequence[str]) -> None:
        """End the leases."""
        with self._changed:
            for entry in self._held(receipts):
                entry.leased_until = 0.0
            self._changed.notify_all()

    def depth(self) -> QueueDepth:
        """Count the messages."""
        with self._changed:
            waiting = len(self._free())
            return QueueDepth(waiting, len(self._entries) - waiting)

    def oldest_age_s(self, now: datetime) -> float | None:
        """Return the age of the oldest message."""
        with self._changed:
            oldest = min(self._entries.values(), key=lambda entry: entry.number, default=None)
        return max(0.0, (now - oldest.enqueued_at).total_seconds()) if oldest else None

    def memory_share(self) -> float | None:
        """Return None: it has no bound."""
        return None

    def _free(self) -> list[_Entry]:
        now = self._monotonic()
        return [entry for entry in self._entries.values() if entry.leased_until <= now]

    def _held(self, receipts: Sequence[str]) -> list[_Entry]:
        wanted = set(receipts)
        return [entry for entry in self._entries.values() if entry.receipt in wanted]

    def _lease(self, entry: _Entry) -> Received:
        entry.deliveries += 1
        entry.leased_until = self._monotonic() + self._lease_s
        entry.receipt = f"{entry.number}-{entry.deliveries}"
        return Received(entry.receipt, entry.message, entry.enqueued_at, entry.deliveries)


class MemoryWorkQueue:
    """Twin of `contracts.ports.WorkQueue`: `take` pops the next wake-up, those published `first` before the others."""

    def __init__(self) -> None:
        """Start empty."""
        self._lanes: dict[bool, list[list[UUID]]] = {True: [], False: []}

    def publish(self, wake_ups: Sequence[Sequence[UUID]], *, first: bool = False) -> None:
        """Append wake-ups to their lane."""
        self._lanes[first] += [list(wake_up) for wake_up in wake_ups]

    def depth(self) -> int:
        """Count the wake-ups."""
        return sum(self.depths().values())

    def depths(self, *others: str) -> dict[str, int]:
        """Count the wake-ups by lane; nothing waits on `others`."""
        return {WORK_QUEUE_FIRST: len(self._lanes[True]), WORK_QUEUE: len(self._lanes[False])} | dict.fromkeys(others, 0)

    def busy(self) -> bool:
        """Return whether a wake-up waits."""
        return bool(self._lanes[False])

    def take(self) -> tuple[list[UUID], bool] | None:
        """Return the next wake-up and whether it came from the first lane."""
        for first, lane in self._lanes.items():
            if lane:
                return lane.pop(0), first
        return None
