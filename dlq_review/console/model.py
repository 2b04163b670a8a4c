"""What the model says and how often it is right: confidence, categories, what goes to people, accuracy, drift."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from contracts.history import Decided, Grain
from contracts.names import OutcomeKind
from dlq_review.console.asked import DAYS, ModelAsked, ModelFields, TheRoom
from dlq_review.console.charts import Told
from dlq_review.console.counted import counted
from dlq_review.console.flow import steps
from dlq_review.console.quality import (
    BEFORE_DAYS,
    ROLLING_DAYS,
    accuracy_now,
    confidence,
    drift,
    mix,
    rolling_accuracy,
    unsure,
)
from dlq_review.console.room import Room
from dlq_review.console.routers import console_routers
from dlq_review.desk import Desk
from dlq_review.web.api_answers import ConsoleFigures, answers
from dlq_review.web.formats import NONE, number, percent
from dlq_review.web.pages import render
from dlq_review.web.visitors import Ops, TheDesk

_HOURLY_UP_TO = 7
_SECONDS = 30.0
_DAY_S = 86_400.0
page_router, api_router = console_routers()


@page_router.get("/console/model")
def model(request: Request, desk: TheDesk, room: TheRoom, visitor: Ops, asked: ModelAsked) -> Response:
    """Show what the model says and how often it is right."""
    told, days = told_of(desk, room, asked.fields), asked.fields.days
    status = 422 if asked.problem else 200
    return render(request, "console/model.html", visitor, status, told=told, days=days, spans=DAYS, problem=asked.problem)


@api_router.get("/model", responses=answers(ConsoleFigures))
def model_figures(desk: TheDesk, room: TheRoom, _: Ops, days: int = 30) -> Any:
    """Say what the model decides and how often it is right, as the console's page does."""
    return JSONResponse(told_of(desk, room, ModelFields.model_validate({"days": days})).plain())


def told_of(desk: Desk, room: Room, fields: ModelFields) -> Told:
    """Return what the page says; raises LedgerUnavailable."""
    return room.lately.of(("model", fields.days), _SECONDS, lambda: _told(room, fields.days, desk.clock()))


def _told(room: Room, days: int, now: datetime) -> Told:
    through = room.history.through()
    tomorrow = datetime.combine(through.date() + timedelta(days=1), time(), UTC)
    first = tomorrow - timedelta(days=days)
    long_ago = first - timedelta(days=ROLLING_DAYS + BEFORE_DAYS)
    by_day = room.history.decided(first - timedelta(days=ROLLING_DAYS), tomorrow, Grain.DAY)
    confidences = room.history.confidences(long_ago, tomorrow)
    axis = steps(first, tomorrow, _DAY_S)
    often, ticks = by_day, axis
    if days <= _HOURLY_UP_TO:
        last = through.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        ticks = steps(last - timedelta(days=days), last, 3600.0)
        often = room.history.decided(ticks[0], last, Grain.HOUR, by_category=False)
    lately = {day: told for day, told in confidences.items() if day >= first.date()}
    charts = [
        rolling_accuracy(by_day, axis, room.baseline),
        unsure(often, ticks),
        mix(by_day, axis),
        confidence(lately),
        drift(confidences, axis),
    ]
    return Told(_figures(by_day, first, axis[-1]) | counted(through, now), {one.name: one for one in charts})


def _figures(by_day: Sequence[Decided], first: datetime, today: datetime) -> dict[str, str]:
    rows = [row for row in by_day if row.at >= first and row.kind != OutcomeKind.FAILURE]
    decided = sum(row.decided for row in rows)
    now = accuracy_now(by_day, today)
    interval = f"{percent(now.low, 1)} to {percent(now.high, 1)}" if now.labels else NONE
    return {
        "decided": number(decided),
        "confidence": percent(sum(row.confidence_sum for row in rows) / decided, 1) if decided else NONE,
        "to_people": percent(sum(row.decided for row in rows if row.kind == OutcomeKind.REVIEW) / decided, 1) if decided else NONE,
        "labels": number(sum(row.labelled for row in rows)),
        "accuracy": percent(now.value, 1),
        "interval": interval,
        "rolling_labels": number(now.labels),
        "expected": percent(now.expected, 1),
    }
