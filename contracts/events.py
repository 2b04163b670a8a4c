"""The event of the field: one item, photographed in one bin."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from contracts.names import SCHEMA_VERSION

SENSOR_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z", re.ASCII)
SensorId = Annotated[str, Field(pattern=SENSOR_ID)]
"""1 to 64 letters, digits and ._:- ; it is a metric's neighbour, a path's part and a reviewer's reading."""

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-](0\d|1[0-5]):[0-5]\d)?", re.ASCII)


UNNUMBERED = "predict"
"""What `attributes["via"]` says of an event that the gateway made for somebody who counts nothing."""


def _rfc3339(value: object) -> object:
    if not isinstance(value, datetime) and not (isinstance(value, str) and _RFC3339.fullmatch(value)):
        msg = "is not an RFC 3339 time such as 2026-05-01T12:00:00.250Z"
        raise ValueError(msg)
    return value


def whole(value: object) -> object:
    """Return 5 for 5.0: to JSON, and to a device whose language knows one kind of number, they are the same."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class ItemCaptured(BaseModel):
    """A bin photographed an item. From outside it comes in through `contracts.codec.decode_event` alone.

    `event_id` is a UUIDv7 made at capture; `sequence` counts the sensor's events so that gaps can be seen;
    `captured_at` is aware; `attributes` is small and free (fill level, firmware, battery).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schema_version: Annotated[int, BeforeValidator(whole)]
    event_id: UUID
    sensor_id: SensorId
    image_url: Annotated[str, Field(min_length=1, max_length=2048)]
    captured_at: Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_rfc3339)]
    sequence: Annotated[int, Field(ge=0, lt=2**63), BeforeValidator(whole)]
    attributes: Annotated[Mapping[str, object], Field(max_length=32)] = {}

    @field_validator("schema_version")
    @classmethod
    def _known(cls, value: int) -> int:
        if value != SCHEMA_VERSION:
            msg = f"is {value}; this fleet understands version {SCHEMA_VERSION}"
            raise ValueError(msg)
        return value

    @field_validator("event_id")
    @classmethod
    def _version_7(cls, value: UUID) -> UUID:
        if value.version != 7:
            msg = "is not a UUIDv7"
            raise ValueError(msg)
        return value
