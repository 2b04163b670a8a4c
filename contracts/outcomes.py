"""How an event ends, and what travels to people when it does not end in a prediction."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from contracts.categories import Category
from contracts.errors import EventInvalid
from contracts.names import OutcomeKind
from contracts.pictures import PictureFacts


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model computes of an image: one probability a category, in the order of `CATEGORIES`.

    `outlier_score` in [0, 1] rises with how little the picture looks like any of them; `sketch` is what the model sees in it, in
    SKETCH_BYTES. None if the model cannot tell.
    """

    probabilities: Sequence[float]
    outlier_score: float | None = None
    sketch: bytes | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of an image: one probability a category in the order of `CATEGORIES`, and the best of them."""

    scores: tuple[float, ...]
    category: Category
    confidence: float
    model_version: str
    outlier_score: float | None = None
    sketch: bytes | None = None


@dataclass(frozen=True, slots=True)
class Latencies:
    """Where an event's time went, in milliseconds.

    `queued` runs from capture to claim, `record` from the verdict until its batch is sent to be committed.
    """

    queued_ms: float
    fetch_ms: float
    decode_ms: float
    inference_ms: float
    record_ms: float = 0.0

    @property
    def processing_time_ms(self) -> float:
        """What the worker itself took: fetch, decode and inference."""
        return self.fetch_ms + self.decode_ms + self.inference_ms


Share = Annotated[float, Field(ge=0, le=1 + 1e-6, allow_inf_nan=False)]
"""A number in [0, 1], as far as 32 bits can tell."""
_FIRST_YEAR, _LAST_YEAR = 2000, 9000


def storable_time(moment: datetime) -> datetime:
    """Return an aware time, or the nearest to it that a letter may name."""
    return min(max(moment, datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)), datetime(_LAST_YEAR, 12, 31, tzinfo=UTC))


class DeadLetter(BaseModel):
    """A self-contained item for people: enough to show, decide or redrive it with nothing else at hand.

    `raw` is the body of a message that never became an event, in base64; `claimed` what that body says of itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    event_id: UUID
    kind: Literal[OutcomeKind.REVIEW, OutcomeKind.FAILURE]
    reason: str
    detail: str = ""
    decided_at: AwareDatetime
    attempts: int = 0
    sensor_id: str | None = None
    image_url: str | None = None
    captured_at: AwareDatetime | None = None
    category: Category | None = None
    confidence: Share | None = None
    scores: dict[Category, Share] | None = None
    model_version: str | None = None
    outlier_score: Share | None = None
    claimed: dict[str, str] | None = None
    raw: str | None = None

    @field_validator("raw")
    @classmethod
    def _base64(cls, value: str | None) -> str | None:
        if value is not None:
            base64.b64decode(value, validate=True)
        return value

    @field_validator("decided_at", "captured_at")
    @classmethod
    def _storable(cls, value: datetime | None) -> datetime | None:
        if value is not None and not _FIRST_YEAR <= value.year <= _LAST_YEAR:
            msg = "is not a time of this fleet"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        guess = (self.sensor_id, self.image_url, self.captured_at, self.category, self.confidence, self.scores, self.model_version)
        if self.kind == OutcomeKind.REVIEW and None in guess:
            msg = "a review needs its sensor, image, time and prediction"
            raise ValueError(msg)
        return self

    def encode(self) -> bytes:
        """Return the JSON for the dead-letter queue."""
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def decode(cls, body: bytes) -> "DeadLetter":
        """Read what `encode` wrote; raises EventInvalid with the field's name."""
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise EventInvalid(".".join(map(str, first["loc"])) or "dead_letter", first["msg"]) from None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The one end of one event. `dead_letter` is there unless `kind` is prediction, `picture` where its pixels were measured."""

    event_id: UUID
    kind: OutcomeKind
    sensor_id: str | None
    captured_at: datetime | None
    reason: str | None = None
    detail: str = ""
    attempts: int = 0
    prediction: Prediction | None = None
    latencies: Latencies | None = None
    dead_letter: DeadLetter | None = None
    picture: PictureFacts | None = None


def raw_text(body: bytes) -> str:
    """Return the base64 of a body that cannot be trusted to be text."""
    return base64.b64encode(body).decode()
