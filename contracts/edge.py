"""What a bin's program needs of the gateway, and what the gateway's answers mean to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol
from uuid import UUID

from contracts.errors import FleetError
from contracts.gateway import Upload

MOST_PAUSE_S = 3600.0
"""Nobody makes a bin wait for longer than this, whatever an answer says."""


def bounded_pause(told: float) -> float:
    """Return the seconds that somebody asks a bin to wait for, from 0 to MOST_PAUSE_S; what is no number is a second."""
    return 1.0 if told != told else float(min(MOST_PAUSE_S, max(0, told)))  # noqa: PLR0124 - NaN


def bounded_share(told: float) -> float:
    """Return the share of its rate that a bin is asked to send at, from 0 to 1; what is no number asks for nothing."""
    return 1.0 if told != told else float(min(1, max(0, told)))  # noqa: PLR0124 - NaN


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one event. `kind` is "" if the gateway has it, else the name of its problem; `status` is HTTP's."""

    status: int
    kind: str = ""
    detail: str = ""
    retry_after_s: float | None = None

    @property
    def taken(self) -> bool:
        """Whether the gateway has it, now or since before."""
        return not self.kind

    @property
    def unbelieved(self) -> bool:
        """Whether it is who speaks that was not believed, and not what was said."""
        return self.status == 401

    @property
    def condemns(self) -> bool:
        """Whether it tells of what was sent, said of a whole request: an address or a method that is wrong is no event's fault."""
        return self.status in {409, 413, 422}

    @property
    def again(self) -> bool:
        """Whether the same may be taken later."""
        return self.status in {408, 425, 429} or self.status >= 500


@dataclass(frozen=True, slots=True)
class Advice:
    """How fast to go on: at `share` of the device's own rate; at 0 after `pause_s`."""

    share: float = 1.0
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class FleetAnswer:
    """What the fleet says is on a picture; `outcome` is None while it is not decided."""

    outcome: str | None = None
    category: str | None = None
    confidence: float | None = None


class DoorAway(FleetError):
    """The gateway cannot be used now."""

    reason: ClassVar[str] = "gateway_away"

    def __init__(self, detail: str = "", retry_after_s: float | None = None, *, answered: bool = False, status: int = 0) -> None:
        """`retry_after_s` is what it asked for; `answered` is whether it was the gateway that said so, not the network.

        `status` is HTTP's where something answered.
        """
        super().__init__(detail)
        self.retry_after_s, self.answered, self.status = retry_after_s, answered, status


class DoorUnbelieving(FleetError):
    """The gateway does not believe this device's credential."""

    reason: ClassVar[str] = "not_signed"


class DoorRefused(FleetError):
    """The gateway will never take this request."""

    reason: ClassVar[str] = "refused"

    def __init__(self, fate: Fate) -> None:
        """`fate` says why."""
        super().__init__(f"{fate.kind} ({fate.status}): {fate.detail}")
        self.fate = fate


class Door(Protocol):
    """The gateway. Raises DoorAway, DoorUnbelieving, and DoorRefused for what is wrong with a whole request."""

    @property
    def share(self) -> float:
        """The share of its own rate at which the device was last asked to send events."""

    def place(self, event_id: UUID, content_type: str, size_bytes: int) -> Upload:
        """Return where a picture may be put."""

    def reach(self, place: Upload) -> None:
        """Find out whether the server of a place can be reached."""

    def put(self, place: Upload, image: bytes) -> None:
        """Put a picture there."""

    def send(self, bodies: Sequence[bytes]) -> list[Fate]:
        """Send events, each the exact bytes that were sent for it before, if it was; return what became of each."""

    def contact(self, next_sequence: int, report: Mapping[str, str | float | bool]) -> Advice:
        """Say that the device is there."""

    def find(self, event_id: UUID) -> FleetAnswer:
        """Return what the fleet says of an event; nothing yet for one that it does not know."""
