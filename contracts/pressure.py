"""How full the fleet is, and how fast devices may go on. Pure: the same rule at the gateway, at intake and on a device."""

import re
from dataclasses import dataclass
from typing import Protocol

SLOW_FROM = 0.5
"""Of a mark; from here on devices are asked to go slower, before anything has to be refused."""
SLOWEST = 0.05
"""Of a device's own rate: it never falls to nothing while events are taken."""
_PAUSE_S = (5.0, 60.0)
_WRITTEN = re.compile(rb"(\d{1,4}\.\d{1,6}) (\d{1,6}\.\d{1,6})")


@dataclass(frozen=True, slots=True)
class QueueState:
    """What a queue says of itself; None where its technology does not tell."""

    depth: int
    oldest_age_s: float | None = None
    memory_share: float | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """At which no more events are taken: messages, age of the oldest in seconds, share of the broker's memory."""

    depth: int = 100_000
    oldest_age_s: float = 900.0
    memory_share: float = 0.75


@dataclass(frozen=True, slots=True)
class Hint:
    """What a device is to do: send at `share` of its own rate, in [0, 1]; at 0 wait `pause_s` and ask again."""

    share: float = 1.0
    pause_s: float = 0.0
    because: str = ""

    def encode(self) -> bytes:
        """Return the hint as devices read it beside the queue."""
        return f"{self.share:.3f} {self.pause_s:.1f}".encode()


class Hints(Protocol):
    """Where the hint in force lies for those who write to the queue directly. Raises QueueUnavailable."""

    def post(self, hint: Hint) -> None:
        """Write the hint; it is forgotten by itself when nobody renews it."""

    def read(self) -> Hint:
        """Return the hint in force; one that asks for nothing if there is none."""


def judge(state: QueueState, marks: Marks) -> Hint:
    """Return what the fullest of the marks asks for."""
    loads = {
        "events wait on the queue": state.depth / marks.depth,
        "the oldest event has waited too long": (state.oldest_age_s or 0.0) / marks.oldest_age_s,
        "the broker's memory is nearly full": (state.memory_share or 0.0) / marks.memory_share,
    }
    because, load = max(loads.items(), key=lambda item: item[1])
    if load >= 1:
        # The fuller, the longer: who waits for a minute asks once, who waits for five seconds asks twelve times.
        return Hint(0.0, min(_PAUSE_S[1], _PAUSE_S[0] * load**2), because)
    if load <= SLOW_FROM:
        return Hint()
    return Hint(max(SLOWEST, (1 - load) / (1 - SLOW_FROM)), 0.0, because)


def read_hint(data: bytes | None) -> Hint:
    """Return what was written beside a queue; nothing, or nothing readable, asks for nothing."""
    found = _WRITTEN.fullmatch(data or b"")
    return Hint(min(1.0, float(found[1])), min(_PAUSE_S[1], float(found[2]))) if found else Hint()
