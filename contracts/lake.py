"""Labelled items as they were known at a moment. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from contracts.categories import Category
from contracts.names import OutcomeKind

PEOPLE = "people"
"""The source of labels that people settled on; every other one is a plant, or several joined with a `+`."""


class SnapshotKind(StrEnum):
    """Where the items of a snapshot come from."""

    FIELD = "field"
    """The fleet's own events."""
    BASE = "base"
    """A folder of pictures with a manifest."""


@dataclass(frozen=True, slots=True)
class LabelledEvent:
    """An event of which it is known what it was: what was decided, and who says what it was, with how many labels.

    `sampling_probability` is there if it came to people by chance; brightness, sharpness and entropy if they were measured.
    """

    event_id: UUID
    sensor_id: str
    site: str
    captured_at: datetime
    image_url: str
    actual: Category
    source: str
    labels: int
    decided: Category
    confidence: float
    kind: OutcomeKind
    model_version: str
    sampling_probability: float | None
    brightness: float | None
    sharpness: float | None
    entropy: float | None


@dataclass(frozen=True, slots=True)
class LabelsAsOf:
    """All labelled events as of one moment, by day (UTC), source and id."""

    as_of: datetime
    events: Sequence[LabelledEvent]


class LabelledEvents(Protocol):
    """Where it is known what events were. Raises LedgerUnavailable."""

    def read(self, since: datetime | None, until: datetime | None) -> LabelsAsOf:
        """Return what is known now of events captured from `since` until `until`; takes about 1 KB of memory an event."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An entry of the lake: its files lie below `place`, and `manifest` names each with its digest; none is ever changed."""

    snapshot_id: str
    made_at: datetime
    place: str
    items: int
    fingerprint: str
    manifest: Mapping[str, Any] = field(repr=False)
    golden: bool = False

    @property
    def kind(self) -> SnapshotKind:
        """Where its items come from."""
        return SnapshotKind(self.manifest["kind"])


class Snapshots(Protocol):
    """Which snapshots there are. Raises LedgerUnavailable."""

    def add(self, snapshot: Snapshot) -> None:
        """Keep a new snapshot, whose files are all there."""

    def get(self, snapshot_id: str) -> Snapshot:
        """Return a snapshot; raises SnapshotRefused for one that is not there."""

    def newest(self, limit: int, kind: SnapshotKind | None = None) -> list[Snapshot]:
        """Return the last snapshots, of one kind or of all, the newest first."""

    def golden(self) -> Snapshot | None:
        """Return what every model is examined with."""

    def make_golden(self, snapshot_id: str) -> None:
        """Have this one be what every model is examined with, and no other; raises SnapshotRefused if it is not there."""
