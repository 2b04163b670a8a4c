"""Trainings that were asked for: one at a time, to be cancelled, and taken up again by another when who ran it has died. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class TrainingState(StrEnum):
    """Where a training stands."""

    WAITING = "waiting"
    RUNNING = "running"
    REGISTERED = "registered"
    """It passed the gate, and its model is a candidate."""
    REFUSED = "refused"
    """It did not pass the gate."""
    FAILED = "failed"
    CANCELLED = "cancelled"


BY_ALERT, BY_SCHEDULE, BY_HAND = "alert", "schedule", "hand"


@dataclass(frozen=True, slots=True)
class Training:
    """A training; `step` and `progress` in [0, 1] say how far it is, `report` what came of it."""

    training_id: UUID
    asked_at: datetime
    asked_by: str
    because: str
    state: TrainingState
    step: str
    progress: float
    attempts: int
    alert_id: UUID | None = None
    ended_at: datetime | None = None
    snapshot_id: str | None = None
    version: str | None = None
    report: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrainingEnd:
    """How a training ended, in a line why, and all that is kept of it."""

    state: TrainingState
    why: str
    report: Mapping[str, object]
    snapshot_id: str | None = None
    version: str | None = None


class Trainings(Protocol):
    """Where trainings are kept. Raises LedgerUnavailable."""

    def ask(self, who: str, because: str, alert_id: UUID | None = None) -> UUID | None:
        """Ask for a training; None if one is waiting or running."""

    def take(self, silent_s: float, most_attempts: int) -> Training | None:
        """Take the one that waits, or whose runner has been silent for so long; one that was tried too often has failed."""

    def beat(self, training: Training, step: str, progress: float) -> bool:
        """Say how far it is; False if it is to stop: cancelled, or taken by another."""

    def end(self, training: Training, end: TrainingEnd) -> bool:
        """Note how it ended; False if it had ended already, or is another's."""

    def cancel(self, who: str) -> UUID | None:
        """Cancel the one that waits or runs; None if there is none."""

    def recent(self, limit: int) -> list[Training]:
        """Return the last trainings, the newest first."""
