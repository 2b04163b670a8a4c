"""What pages of the console are asked for."""

from typing import Annotated, Literal, get_args

from fastapi import Depends, Request
from pydantic import BaseModel, BeforeValidator

from dlq_review.console.room import Room
from dlq_review.web.wishes import Asked, asked

Minutes = Literal[60, 1440, 4320]
Days = Literal[2, 7, 30, 90]
SPANS: dict[int, str] = {60: "1 hour", 1440: "24 hours", 4320: "3 days"}
DAYS: dict[int, str] = {2: "2 days", 7: "7 days", 30: "30 days", 90: "90 days"}


def _whole(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class FleetFields(BaseModel):
    """Over how many minutes."""

    minutes: Annotated[Minutes, BeforeValidator(_whole)] = 60


class ModelFields(BaseModel):
    """Over how many days."""

    days: Annotated[Days, BeforeValidator(_whole)] = 30


def room_of(request: Request) -> Room:
    """Return what the console works with."""
    room: Room = request.app.state.room
    return room


TheRoom = Annotated[Room, Depends(room_of)]
FleetAsked = Annotated[Asked[FleetFields], Depends(asked(FleetFields))]
ModelAsked = Annotated[Asked[ModelFields], Depends(asked(ModelFields))]
assert set(SPANS) == set(get_args(Minutes))  # noqa: S101 - said twice, since types cannot be made of values
assert set(DAYS) == set(get_args(Days))  # noqa: S101 - as above
