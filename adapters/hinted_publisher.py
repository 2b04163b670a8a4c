"""A way into the edge queue for those who heed how fast the fleet wants events."""

import time
from collections.abc import Sequence

from contracts.errors import QueueFull
from contracts.messages import Message
from contracts.ports import Publisher
from contracts.pressure import Hint, Hints

_KEPT_S = 1.0


class HintedPublisher:
    """Implements `contracts.ports.Publisher`."""

    def __init__(self, publisher: Publisher, hints: Hints) -> None:
        """Publish through `publisher` unless the hint in force asks to wait."""
        self._publisher, self._hints = publisher, hints
        self._hint, self._read_at = Hint(), float("-inf")

    def publish(self, messages: Sequence[Message]) -> None:
        """Append all messages; raises QueueFull while the fleet asks devices to wait, and QueueUnavailable."""
        if time.monotonic() > self._read_at + _KEPT_S:
            self._hint, self._read_at = self._hints.read(), time.monotonic()
        if self._hint.share <= 0:
            raise QueueFull(f"the fleet takes no events for {self._hint.pause_s:.0f} s")
        self._publisher.publish(messages)
