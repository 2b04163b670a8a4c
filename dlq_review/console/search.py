"""Search: one field that takes an event's id, a sensor, a place or a model, and a filter of what was decided lately."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from pydantic import BaseModel, BeforeValidator
from starlette.responses import RedirectResponse, Response

from contracts.categories import Category
from contracts.console import MOST_OF_SENSOR, EventWish, SensorWish
from contracts.names import OutcomeKind
from dlq_review.console.asked import TheRoom
from dlq_review.console.room import Room
from dlq_review.console.routers import console_routers
from dlq_review.web.pages import render
from dlq_review.web.visitors import Ops
from dlq_review.web.wishes import Asked, Text, Time, asked

_FOUND, _EVENTS = 20, 50
_MOST_LOOKED_THROUGH = 20_000
_LONGEST_BACK = timedelta(hours=24)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
router, _ = console_routers()


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


class SearchFields(BaseModel):
    """What is looked for: anything by `q`, or events by the other fields. Times without a zone are UTC."""

    q: Text = None
    sensor: Text = None
    kind: Annotated[OutcomeKind | None, BeforeValidator(_empty_is_none)] = None
    category: Annotated[Category | None, BeforeValidator(_empty_is_none)] = None
    model: Text = None
    until: Time = None

    @property
    def asks_for_events(self) -> bool:
        """Whether events are looked for."""
        return any((self.sensor, self.kind, self.category, self.model, self.until))


SearchAsked = Annotated[Asked[SearchFields], Depends(asked(SearchFields))]


@router.get("/console/search")
def search(request: Request, room: TheRoom, visitor: Ops, asked: SearchAsked) -> Response:
    """Find events, sensors and models; an event's id leads to its story."""
    fields = asked.fields
    if event_id := _event_id(fields.q):
        return RedirectResponse(f"/console/events/{event_id}", 303)
    told: dict[str, Any] = {"fields": fields, "typed": asked.typed, "sensors": [], "models": [], "events": None, "since": None}
    if not asked.problem and fields.q:
        told["sensors"] = room.book.sensors(SensorWish(text=fields.q, limit=_FOUND))
        told["models"] = room.book.known_models(fields.q, _FOUND)
    if not asked.problem and fields.asks_for_events:
        told |= _events(room, fields)
    told |= {"kinds": list(OutcomeKind), "most": _EVENTS, "most_of_sensor": MOST_OF_SENSOR}
    return render(request, "console/search.html", visitor, 422 if asked.problem else 200, problem=asked.problem, **told)


def _events(room: Room, fields: SearchFields) -> dict[str, Any]:
    since = None if fields.sensor else back_to(room, fields.until)
    wish = EventWish(fields.sensor, since, fields.until, fields.kind, fields.category, fields.model, _EVENTS)
    return {"events": room.book.events(wish), "since": since}


def back_to(room: Room, until: datetime | None) -> datetime:
    """Return from when on events are looked through: a day back, or as far as some ten thousand go."""
    last = max(until or room.history.through(), _EARLIEST)
    seen = 0
    for minute, decided in room.history.by_minute(last - _LONGEST_BACK, last):
        seen += decided
        if seen > _MOST_LOOKED_THROUGH:
            return minute
    return last - _LONGEST_BACK


def _event_id(text: str | None) -> UUID | None:
    try:
        return UUID(text.strip()) if text else None
    except ValueError:
        return None
