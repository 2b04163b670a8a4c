"""What really was in the bin, as a sorting plant reports it. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Protocol
from uuid import UUID, uuid5

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from contracts.categories import CATEGORIES, Category
from contracts.errors import EventInvalid
from contracts.events import SensorId

OLDEST = timedelta(days=400)
"""How late a label may come."""
_AHEAD = timedelta(minutes=5)
_IDS = UUID("7d1f9d7a-9c0b-5a0e-8f0d-0a4a4bb2a6de")


def _none(value: object) -> object:
    return None if value == "" else value


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        msg = f"{text[:40]!r} is no time as 2026-05-01T12:00:00 (UTC) or 2026-05-01T12:00:00+02:00"
        raise ValueError(msg) from None


def _aware(value: object) -> object:
    if isinstance(value, str):
        value = _moment(value)
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _known(value: str) -> Category:
    try:
        return Category(value.strip().lower())
    except ValueError:
        msg = f"{value[:40]!r} is none of {', '.join(CATEGORIES)}"
        raise ValueError(msg) from None


Name = Annotated[str, Field(pattern=re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:/ -]{0,99}\Z", re.ASCII))]
"""1 to 100 letters, digits, spaces and ._:/-"""


class GroundTruth(BaseModel):
    """One item as the plant sorted it: what it was, which bin it came from, and when it was thrown in (aware).

    `source` is the plant; `event_id` is there if the plant knows it; `batch` names the delivery that it came with; `reference` is
    the plant's own number of the row, which tells two items of one moment apart and lets a row be sent twice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sensor_id: SensorId
    observed_at: Annotated[AwareDatetime, BeforeValidator(_aware)]
    category: Annotated[str, AfterValidator(_known)]
    source: Name
    event_id: Annotated[UUID | None, BeforeValidator(_none)] = None
    batch: Annotated[Name | None, BeforeValidator(_none)] = None
    reference: Annotated[Name | None, BeforeValidator(_none)] = None

    @property
    def truth_id(self) -> UUID:
        """The label's identity: the same row has the same, however often it comes."""
        if self.reference:
            return uuid5(_IDS, f"{self.source}\n{self.reference}")
        moment = self.observed_at.astimezone(UTC).isoformat()
        return uuid5(_IDS, "\n".join((self.source, self.sensor_id, moment, str(self.event_id or ""), self.category)))


_SAID = {
    "missing": "is missing",
    "string_pattern_mismatch": "is empty, or holds more than letters, digits and ._:-",
    "extra_forbidden": f"is no field of a label, which are {', '.join(GroundTruth.model_fields)}",
    "uuid_parsing": "is no event's id",
}
"""What is wrong with a field, in words."""
PLANT = "plant:"
"""What the name of a plant's credential begins with; the rest is the source of its labels."""


_NAME = TypeAdapter(Name)


def plant_of(text: str) -> str:
    """Return the name of a plant as a source of labels; raises ValueError for what is none."""
    if text.startswith(PLANT):
        msg = f"{text!r} is the name of a credential; its labels are of the source {text.removeprefix(PLANT)!r}"
        raise ValueError(msg)
    try:
        return _NAME.validate_python(text)
    except ValidationError:
        msg = f"{text!r} is not 1 to 100 letters, digits, spaces and ._:/-"
        raise ValueError(msg) from None


def read_truth(row: Mapping[str, object], now: datetime, source: str | None = None) -> GroundTruth:
    """Return a row from outside as a label, of `source` if that is given; raises EventInvalid that names the field."""
    if source is not None:
        if row.get("source") not in {None, "", source}:
            raise EventInvalid("source", f"is not {source}, who sent it")
        row = {**row, "source": source}
    if str(row.get("source")).startswith(PLANT):
        raise EventInvalid("source", "is the name of a credential, and not the plant's own")
    try:
        truth = GroundTruth.model_validate(row)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        said = _SAID.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise EventInvalid(".".join(map(str, first["loc"]))[:100] or "row", said) from None
    if truth.observed_at > now + _AHEAD:
        raise EventInvalid("observed_at", f"lies in the future ({truth.observed_at.isoformat()})")
    if truth.observed_at < now - OLDEST:
        raise EventInvalid("observed_at", f"is more than {OLDEST.days} days ago")
    return truth


@dataclass(frozen=True, slots=True)
class TruthTaken:
    """What became of labels: how many are new or were there before, and the places of those whose reference has other content."""

    new: int
    repeated: int
    conflicting: list[int]


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row that was not taken: its line in what was sent (from 1), and why."""

    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a delivery of labels; `problems` are the first of `rejected`."""

    source: str
    name: str
    new: int
    repeated: int
    rejected: int
    problems: tuple[RowProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """A file that a plant put somewhere: `name` is of this place and content, so that other content is another file."""

    source: str
    name: str
    key: str


class Deliveries(Protocol):
    """Where plants put files. Raises ObjectStoreUnavailable.

    `passed_over` names what the last listing of `files` left out, and why.
    """

    passed_over: list[tuple[str, str]]

    def files(self) -> Iterator[DeliveredFile]:
        """Yield the files that lie there."""

    def fetch(self, file: DeliveredFile, folder: Path) -> Path:
        """Copy a file into a folder and return its path; raises RequestRefused for one that cannot be had now."""


class TruthLedger(Protocol):
    """Where labels of plants are kept. Raises LedgerUnavailable."""

    def add(self, labels: Sequence[GroundTruth]) -> TruthTaken:
        """Keep labels, each once."""

    def note(self, delivery: Delivery) -> None:
        """Keep that a delivery came, and what was wrong with it."""

    def noted(self, names: Collection[str]) -> set[str]:
        """Return those of the names of which a delivery came."""


@dataclass(frozen=True, slots=True)
class TruthDay:
    """One day (UTC) of one sensor in the labels of one source."""

    sensor_id: str
    source: str
    day: date


@dataclass(frozen=True, slots=True)
class SeenItem:
    """A prediction of a sensor; `at` is when it was photographed, in seconds of the epoch."""

    event_id: UUID
    at: float
    category: Category


@dataclass(frozen=True, slots=True)
class ToldItem:
    """A label of a sensor; `at` in seconds of the epoch, `claimed` the event that its source says it was."""

    truth_id: UUID
    at: float
    claimed: UUID | None


class Match(StrEnum):
    """What came of a label."""

    MATCHED = "matched"
    AMBIGUOUS = "ambiguous"
    """Another prediction, of another category, is as good a partner within the margin: it counts for nothing."""
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class JoinedItem:
    """A label's partner, and how far apart the two are in seconds (label minus prediction)."""

    truth_id: UUID
    match: Match
    event_id: UUID | None = None
    distance_s: float | None = None


class Oddity(StrEnum):
    """How a label can be odd."""

    UNMATCHED = "unmatched"
    AMBIGUOUS = "ambiguous"
    CONTRADICTING = "contradicting"
    """Another plant, or people, say otherwise of the same event."""


class TruthJoins(Protocol):
    """The labels and predictions that are to be joined. Raises LedgerUnavailable."""

    def to_join(self, limit: int, again_after_s: float) -> list[TruthDay]:
        """Return days with labels that were not joined yet, then those whose labels found nobody `again_after_s` ago."""

    def read(self, day: TruthDay, around_s: float) -> tuple[list[SeenItem], list[ToldItem]]:
        """Return what the sensor saw and what the source told, from `around_s` before the day until as long after it."""

    def contest(self) -> int:
        """Have one more person look at each picture of which a plant says otherwise than people did, once; return how many."""

    def odd(self, what: Oddity, limit: int) -> list[Mapping[str, object]]:
        """Return the newest labels that are odd in a way, as rows for people."""

    def write(self, day: TruthDay, joined: Sequence[JoinedItem]) -> int:
        """Keep what came of that day's labels; return how many changed."""
