"""One event's whole story: each state with its time, the picture, the scores, and where its log lines are."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import Request
from starlette.responses import JSONResponse, Response

from contracts.categories import CATEGORIES
from contracts.errors import ImageUnreadable
from contracts.story import Moment
from dlq_review.console.asked import TheRoom
from dlq_review.console.room import Room
from dlq_review.console.routers import console_routers
from dlq_review.text import jsonable, plain
from dlq_review.web.api_answers import Problem, Story, answers
from dlq_review.web.looking import THREADS, sent
from dlq_review.web.pages import FILTERS, render
from dlq_review.web.visitors import Ops, TheDesk, Visitor

STAGES = ("queued", "fetch", "decode", "inference", "record")
_LONGEST_FACTS = 600
_UNKNOWN = "Nothing is known of this event: it was never accepted, or its month has gone."
page_router, api_router = console_routers()


@page_router.get("/console/events/{event_id}")
def event(request: Request, desk: TheDesk, room: TheRoom, visitor: Ops, event_id: UUID) -> Response:
    """Show an event's whole story."""
    moments = room.stories.story(event_id)
    if not moments:
        return render(request, "problem.html", visitor, 404, title="Not here", problem=_UNKNOWN)
    return _page(request, room, visitor, event_id, list(moments), in_lane=desk.browser.find(event_id) is not None)


@api_router.get("/events/{event_id}", responses=answers(Story, s404=Problem))
def event_story(room: TheRoom, _: Ops, event_id: UUID) -> Any:
    """Tell an event's whole story, the earliest moment first."""
    moments = room.stories.story(event_id)
    if not moments:
        return JSONResponse({"error": f"event_id: {_UNKNOWN}"}, 404)
    told = [{"at": one.at, "what": one.what, "who": one.who, "facts": dict(one.facts)} for one in moments]
    return JSONResponse(jsonable({"event_id": event_id, "moments": told}))


@page_router.get("/console/events/{event_id}/picture/{size}")
async def picture(desk: TheDesk, room: TheRoom, _: Ops, event_id: UUID, size: str) -> Response:
    """Send an event's picture, made anew by the server; what cannot be shown says why, as text with status 404."""
    return await THREADS.run(lambda: sent(desk, room.book.image_url(event_id), size))


def _page(request: Request, room: Room, visitor: Visitor, event_id: UUID, moments: list[Moment], *, in_lane: bool) -> Response:
    captured = next((one for one in moments if one.what == "captured"), None)
    told: dict[str, Any] = {
        "event_id": event_id,
        "moments": moments,
        "began": moments[0].at,
        "captured": captured,
        "no_picture": any(one.what == f"ended: failed, {ImageUnreadable.reason}" for one in moments),
        "classified": [scores_of(one) for one in moments if "scores" in one.facts],
        "in_lane": in_lane,
        "logs_url": _place(room.logs_url, event_id),
        "traces_url": _place(room.traces_url, event_id),
    }
    return render(request, "console/event.html", visitor, **told)


def _place(address: str, event_id: UUID) -> str:
    return address.replace("{event_id}", quote(str(event_id))).replace("{trace_id}", event_id.hex)


def scores_of(moment: Moment) -> dict[str, Any]:
    """Return what a classification says: the scores by category, the best first, and its stages in milliseconds."""
    facts: Any = moment.facts
    scores = sorted(((name, float(facts["scores"][name])) for name in CATEGORIES), key=lambda pair: -pair[1])
    stages = [(name, facts["ms"].get(name)) for name in STAGES]
    longest = max((ms for _, ms in stages if ms), default=0.0)
    told = {"by": moment.who, "at": moment.at, "outlier": facts.get("outlier_score")}
    return told | {"scores": scores, "stages": stages, "longest": longest}


def facts_of(moment: Moment) -> str:
    """Return the facts of a moment on one line, but scores and stages, which stand by themselves."""
    shown = {name: value for name, value in moment.facts.items() if name not in {"scores", "ms"} and value not in (None, "", {})}
    return plain(", ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in shown.items()), _LONGEST_FACTS)


def _short(value: object) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {_short(one)}" for name, one in value.items()) + ")"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


FILTERS["facts_of"] = facts_of
