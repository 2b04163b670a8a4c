"""Sensors: which are silent, which have lost events, whose camera is sick; and each of them by itself."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request
from pydantic import BaseModel, BeforeValidator
from starlette.responses import JSONResponse, Response

from contracts.console import SILENT_AFTER_S, EventWish, Row, SensorWish, Trouble
from contracts.history import SensorCount
from dlq_review.console.asked import TheRoom
from dlq_review.console.charts import Chart, Series, Told
from dlq_review.console.flow import steps
from dlq_review.console.room import Room
from dlq_review.console.routers import console_routers
from dlq_review.text import jsonable
from dlq_review.web.api_answers import ConsoleFigures, Problem, answers
from dlq_review.web.formats import number
from dlq_review.web.pages import render
from dlq_review.web.visitors import Ops
from dlq_review.web.wishes import Asked, Text, asked

PAGE = 50
_DAYS, _WEEK = 30, 7
_EVENTS, _TICKETS = 30, 10
_SUMS_S = 10.0
page_router, api_router = console_routers()


class SensorFields(BaseModel):
    """Which sensors."""

    text: Text = None
    trouble: Annotated[Trouble | None, BeforeValidator(lambda value: value or None)] = None
    after: Text = None


SensorAsked = Annotated[Asked[SensorFields], Depends(asked(SensorFields))]


@page_router.get("/console/sensors")
def sensors(request: Request, room: TheRoom, visitor: Ops, asked: SensorAsked) -> Response:
    """List sensors by name, with their health and their gaps."""
    fields = asked.fields
    rows = [] if asked.problem else room.book.sensors(SensorWish(fields.text, fields.trouble, fields.after, PAGE + 1))
    more = {name: value for name, value in (("text", fields.text), ("trouble", fields.trouble)) if value}
    told: dict[str, Any] = {
        "rows": rows[:PAGE],
        "week": _week(room, rows[:PAGE]),
        "sums": room.lately.of("sensor sums", _SUMS_S, room.book.sensor_sums),
        "next": urlencode(more | {"after": rows[PAGE - 1]["sensor_id"]}) if len(rows) > PAGE else None,
        "fields": fields,
        "typed": asked.typed,
        "troubles": list(Trouble),
        "silent_after_s": SILENT_AFTER_S,
    }
    return render(request, "console/sensors.html", visitor, 422 if asked.problem else 200, problem=asked.problem, **told)


def _week(room: Room, rows: list[Row]) -> dict[str, tuple[int, int, int]]:
    sums: dict[str, tuple[int, int, int]] = {}
    since = (room.history.through() - timedelta(days=_WEEK - 1)).date()
    for one in room.history.of_sensors([row["sensor_id"] for row in rows], since):
        before = sums.get(one.sensor_id, (0, 0, 0))
        sums[one.sensor_id] = (before[0] + one.decided, before[1] + one.reviews, before[2] + one.failures)
    return sums


@page_router.get("/console/sensors/{sensor_id}")
def sensor(request: Request, room: TheRoom, visitor: Ops, sensor_id: str) -> Response:
    """Show one sensor: how it is, its days, its gaps, its tickets and its last events."""
    found = _find(room, sensor_id)
    if found is None:
        said = f"No sensor “{sensor_id[:100]}” was ever heard of or registered."
        return render(request, "problem.html", visitor, 404, title="Not here", problem=said)
    told: dict[str, Any] = {
        "sensor": found,
        "told": told_of(room, sensor_id),
        "tickets": room.book.tickets(sensor_id, _TICKETS),
        "events": room.book.events(EventWish(sensor_id=sensor_id, limit=_EVENTS)),
        "silent_after_s": SILENT_AFTER_S,
    }
    return render(request, "console/sensor.html", visitor, **told)


@api_router.get("/sensors/{sensor_id}", responses=answers(ConsoleFigures, s404=Problem))
def sensor_figures(room: TheRoom, _: Ops, sensor_id: str) -> Any:
    """Say what a sensor sent by day, as its page does."""
    found = _find(room, sensor_id)
    if found is None:
        return JSONResponse({"error": "sensor_id: no such sensor was ever heard of or registered"}, 404)
    return JSONResponse(jsonable(replace(told_of(room, sensor_id), figures=figures_of(found)).plain()))


def _find(room: Room, sensor_id: str) -> Row | None:
    return None if "\x00" in sensor_id else room.book.sensor(sensor_id)


def figures_of(sensor: Row) -> dict[str, str]:
    """Return how a sensor is; times in ISO 8601, empty: never."""
    times = {name: sensor[f"{name}_at"] for name in ("last_contact", "last_event")}
    numbers = {name: number(sensor[name]) for name in ("lost", "restarts", "last_sequence", "tail", "given_up")}
    return {name: at.isoformat() if at else "" for name, at in times.items()} | numbers | {"ticket": sensor["ticket"] or ""}


def told_of(room: Room, sensor_id: str) -> Told:
    """Return what a sensor's page draws."""
    today = room.history.through().date()
    first = today - timedelta(days=_DAYS - 1)
    days = {one.day: one for one in room.history.of_sensors([sensor_id], first)}
    axis = steps(_begin(first), _begin(today + timedelta(days=1)), 86_400.0)
    charts = [_volume(days, axis), _doubt(days, axis)]
    return Told(charts={one.name: one for one in charts})


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _volume(days: dict[date, SensorCount], axis: list[datetime]) -> Chart:
    found = [days.get(at.date()) for at in axis]
    series = [
        Series("decided", [one.decided if one else 0.0 for one in found]),
        Series("failed", [one.failures if one else 0.0 for one in found], "bad"),
    ]
    empty = "Nothing of this sensor was decided in thirty days."
    return Chart("volume", "Events a day", "", axis, series, bars=True, days=True, empty=empty)


def _doubt(days: dict[date, SensorCount], axis: list[datetime]) -> Chart:
    found = [one if one and one.decided else None for one in (days.get(at.date()) for at in axis)]
    series = [
        Series("confidence", [one.confidence_sum / one.decided if one else None for one in found]),
        Series("to people", [one.reviews / one.decided if one else None for one in found], "dim"),
    ]
    title, empty = "Mean confidence, and the share that went to people", "Nothing of this sensor was decided in thirty days."
    return Chart("doubt", title, "share", axis, series, days=True, top=1.0, empty=empty)
