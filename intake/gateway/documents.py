"""What the gateway's documents look like, for OpenAPI. The hot path reads and writes them without these models."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import UUID7, BaseModel, BeforeValidator, ConfigDict, Field

from contracts.categories import CATEGORIES
from contracts.events import SensorId, whole
from contracts.limits import MAX_IMAGE_BYTES

ContentType = Literal["image/jpeg", "image/png", "image/webp"]
EVENT_ID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
EventId = Annotated[UUID7, Field(json_schema_extra={"pattern": EVENT_ID_PATTERN})]


FactName = Annotated[str, Field(pattern="^[a-z0-9_]{1,40}$")]
Fact = (
    Annotated[str, Field(max_length=200, pattern="^[^\\x00-\\x1f\\x7f]*$")]
    | int
    | Annotated[float, Field(allow_inf_nan=False)]
    | bool
    | None
)


class UploadWanted(BaseModel):
    """A picture that a device wants to put."""

    model_config = ConfigDict(extra="forbid", strict=True)

    sensor_id: SensorId
    event_id: Annotated[EventId, Field(strict=False)]
    content_type: ContentType = "image/jpeg"
    size_bytes: Annotated[int, Field(ge=1, le=MAX_IMAGE_BYTES), BeforeValidator(whole)]


class ContactMade(BaseModel):
    """What a device says of itself: the number of its next event, and free facts for ops."""

    model_config = ConfigDict(extra="forbid", strict=True)

    sensor_id: SensorId
    next_sequence: Annotated[int, Field(ge=0, le=2**53), BeforeValidator(whole)]
    report: Annotated[dict[FactName, Fact], Field(max_length=32, json_schema_extra={"additionalProperties": False})] = {}


Row = Annotated[
    dict[FactName, Annotated[str, Field(max_length=200)] | None], Field(json_schema_extra={"additionalProperties": False})
]


class TruthBrought(BaseModel):
    """What a plant found: labels as rows of `sensor_id`, `observed_at`, `category`, and, if known, `event_id` and `reference`."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [{"labels": [{"sensor_id": "bin-7", "observed_at": "2026-05-01T12:00:00Z", "category": "glass"}]}]
        },
    )

    labels: Annotated[list[Row], Field(min_length=1, max_length=5000)]
    batch: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._:/ -]{0,99}$")] | None = None


class RowRejected(BaseModel):
    """A label that was not taken: its place in the list, from 1."""

    line: int
    problem: str


class TruthTakenAnswer(BaseModel):
    """How many labels are new, how many came before, how many were not taken, and the first of those."""

    new: int
    repeated: int
    rejected: int
    problems: list[RowRejected]


class UploadPlace(BaseModel):
    """Where to PUT it, with exactly these headers."""

    image_url: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


class PredictWanted(BaseModel):
    """What the service before this one took."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"image_url": "s3://waste-images/bin-7/a.jpg", "sensor_id": "bin-7"}]},
    )

    image_url: Annotated[str, Field(pattern="^(s3|https)://[!-~]+$", max_length=2048)]
    sensor_id: SensorId


class PredictAnswer(BaseModel):
    """What the service before this one answered, with the event to ask for later."""

    prediction: Annotated[str, Field(json_schema_extra={"enum": [category.value for category in CATEGORIES]})]
    confidence_score: float
    processing_time_ms: float
    event_id: EventId
    needs_review: bool


class ContactTaken(BaseModel):
    """The service's time, and how fast the device may send: at this share of its own rate, and if that is 0 after a pause."""

    time: datetime
    share: float
    pause_s: float


class EventTaken(BaseModel):
    """An event that was accepted."""

    event_id: EventId
    state: Literal["accepted"] = "accepted"


class EventDocument(BaseModel):
    """An event and, once it is decided, its outcome."""

    event_id: EventId
    state: Literal["accepted", "open", "decided"]
    outcome: Literal["prediction", "review", "failure"] | None = None
    category: str | None = None
    confidence: float | None = None
    model_version: str | None = None
    reason: str | None = None
    resolved: str | None = None
    """What people said it is."""
    decided_at: datetime | None = None


class BatchResult(BaseModel):
    """What became of one event of a batch, in the batch's order."""

    status: int
    event_id: EventId | None = None
    problem: dict[str, Any] | None = None


class BatchAnswer(BaseModel):
    """What became of a batch."""

    results: list[BatchResult]


class ProblemDocument(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    retry_after_s: float | None = None


class HealthDocument(BaseModel):
    """Whether this gateway takes events."""

    status: Literal["healthy", "unhealthy"]
    version: str
    why: str = ""
