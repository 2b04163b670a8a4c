"""The values that pass between the ledger and those who work from it."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from contracts.events import ItemCaptured


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """An event that passed every check, with the SHA-256 of the body that was signed."""

    event: ItemCaptured
    body_sha256: bytes


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What became of a batch: ids that are new, ids seen before, ids seen before with another body."""

    new: list[UUID]
    repeated: list[UUID] = field(default_factory=list)
    conflicting: list[UUID] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    """An open event under this worker's lease. `attempts` and `losses` count this claim too.

    `losses` is how often a holder of this event vanished; `queued_ms` runs from capture to this claim, `age_s` from the event's
    acceptance to it. `claimed_at` is `time.perf_counter()` of who claimed it, then.
    """

    event_id: UUID
    sensor_id: str
    image_url: str
    captured_at: datetime
    age_s: float
    woken_at: datetime
    attempts: int
    losses: int
    queued_ms: float
    claimed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class WorkerPulse:
    """A worker's heartbeat: who it is and how far it has come.

    `passed_woken_at` is the latest time of a wake-up among the events that it claimed, `revision` that of the plan of models
    that it has in force, and `model_problem` why it serves another than it should. `events_per_s` is how many events it decides in
    a second in which it has a wake-up in hand; 0: not measured yet.
    """

    owner: UUID
    host: str
    pid: int
    version: str
    model_version: str
    passed_woken_at: datetime | None = None
    draining: bool = False
    revision: int = 0
    model_problem: str = ""
    decided_last_minute: int = 0
    events_per_s: float = 0.0
