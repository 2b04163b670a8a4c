"""What people have to be told, once, until it is over. Pure."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

ACCURACY_FELL = "accuracy_fell"
"""The kind of an alert: labels speak against the baseline."""

SHIFTED = "shifted"
"""The kind of a warning without labels: its subject is what has shifted."""

SENSOR_FAULTY = "sensor_faulty"
"""The kind of a maintenance ticket: its subject is a sensor, `evidence["fault"]` what is wrong with its camera."""

KINDS = (ACCURACY_FELL, SHIFTED, SENSOR_FAULTY)


@dataclass(frozen=True, slots=True)
class Alert:
    """Something of a `kind` is wrong with a `subject`: a sensor, a model, "" for the whole fleet. `evidence` speaks for it."""

    alert_id: UUID
    kind: str
    subject: str
    fired_at: datetime
    evidence: Mapping[str, object] = field(default_factory=dict)
    resolved_at: datetime | None = None


class Alerts(Protocol):
    """Where alerts are kept. Raises LedgerUnavailable."""

    def fire(self, kind: str, subject: str, evidence: Mapping[str, object]) -> Alert | None:
        """Open an alert; None if it is open already, and then its evidence is renewed."""

    def resolve(self, kind: str, subject: str, evidence: Mapping[str, object]) -> Alert | None:
        """Close an alert; None if none is open."""

    def standing(self, kind: str) -> list[Alert]:
        """Return the open alerts of a kind, the oldest first."""

    def untold(self) -> list[Alert]:
        """Return alerts whose opening or closing nobody was told of yet."""

    def telling(self, alert: Alert) -> AbstractContextManager[bool]:
        """Keep all others from telling of an alert within the block; False if another does or has, or its state is another now."""

    def told(self, alert: Alert) -> None:
        """Note that people were told of this state of it."""

    def recent(self, limit: int) -> list[Alert]:
        """Return the last alerts, the newest first."""


class Messenger(Protocol):
    """How people are told."""

    def tell(self, alert: Alert) -> None:
        """Tell of an alert that opened or closed; raises AlertNotTold."""
