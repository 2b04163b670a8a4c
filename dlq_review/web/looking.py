"""Search, one item, one's own answers, pictures, the backlog and the quality of labels."""

import math
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from contracts.errors import FleetError, RequestRefused
from contracts.labels import Choice, NewLabel, Origin
from contracts.review import Filter, Lane
from dlq_review.agreement import by_answer, by_reviewer
from dlq_review.desk import Desk
from dlq_review.forecast import fitting, hours_until_empty, loads
from dlq_review.web.pages import render
from dlq_review.web.threads import Threads
from dlq_review.web.visitors import Admin, NotAllowed, Ops, Reviewer, TheDesk, Visitor
from dlq_review.web.wishes import Asked, BacklogFields, FilterAsked, FilterFields, QualityFields, asked
from dlq_review.web.wording import sentence

_PAGE = 50
_SIZES = {"small": 320, "large": 1280}
_DEFAULT_LABELS_AN_HOUR = 600.0
_FEW_PAIRS = 10
"""From how many pairs of answers on an agreement says something."""
_OF_OTHERS = frozenset({"state", "resolved", "closed_at", "leased"})
router = APIRouter(include_in_schema=False)
THREADS = Threads("pictures", 8)


@router.get("/")
def home(visitor: Reviewer) -> Response:
    """Lead people to their work."""
    return RedirectResponse("/review" if visitor.account.role == "reviewer" else "/backlog", 303)


@router.get("/items")
def items(request: Request, desk: TheDesk, visitor: Reviewer, asked: FilterAsked) -> Response:
    """Search a lane; the failures are for ops."""
    wanted = seen_by(visitor, asked.fields)
    if asked.problem:
        found: dict[str, Any] = {"rows": [], "count": None}
    else:
        found = {"rows": desk.browser.page(wanted, _PAGE), "count": desk.browser.count(wanted)}
    told = {"fields": asked.fields, "typed": asked.typed, "problem": asked.problem}
    return render(request, "items.html", visitor, 422 if asked.problem else 200, **told, **found)


@router.get("/items/{event_id}")
def item(request: Request, desk: TheDesk, visitor: Reviewer, event_id: UUID) -> Response:
    """Show all that is known of one item."""
    if page := item_page(request, desk, visitor, event_id):
        return page
    return render(request, "problem.html", visitor, 404, title="Not here", problem=f"There is no item {event_id} in either lane.")


def item_page(
    request: Request, desk: Desk, visitor: Visitor, event_id: UUID, problem: str | None = None, reason: str = ""
) -> Response | None:
    """Return an item's page, with what is wrong with a form on it and the `reason` typed there; None if there is no such item."""
    found = visible(desk.browser.show(event_id), visitor)
    if found is None:
        return None
    if found["lane"] == Lane.FAILURES.value:  # a failure has no label
        found["timeline"] = [one for one in found["timeline"] if one["what"] != "labelled"]
    own = [label for label in found["labels"] if label["reviewer"] == visitor.account.name]
    told = {"judged": bool(own and own[-1]["choice"]), "reason": reason, "neighbours": around_of(desk, found)}
    return render(request, "item.html", visitor, 422 if problem else 200, item=found, problem=problem, **told)


def around_of(desk: Desk, found: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return what the same sensor photographed just before and after an item, and the item itself (`own`) between them."""
    if not found or not found["sensor_id"] or not found["captured_at"]:
        return []
    at = found["captured_at"]
    rows = desk.browser.neighbours(found["sensor_id"], at, found["event_id"])
    own = {"event_id": found["event_id"], "captured_at": at, "own": True}
    rows = [{**row, "own": False} for row in rows]
    before = [row for row in rows if row["captured_at"] <= at]
    return [*before, own, *rows[len(before) :]] if rows else []


@router.get("/pictures/{event_id}/{size}")
async def picture(desk: TheDesk, visitor: Reviewer, event_id: UUID, size: str) -> Response:
    """Send an item's picture, made anew by the server; what cannot be shown says why, as text with status 404."""
    # A store that hangs shall hold up pictures and nothing else.
    return await THREADS.run(_picture, desk, visitor, event_id, size)


@router.get("/pictures/{event_id}/near/{other_id}")
async def picture_near(desk: TheDesk, visitor: Reviewer, event_id: UUID, other_id: UUID) -> Response:
    """Send a small picture of a neighbour in time of an item that the visitor may see."""
    return await THREADS.run(_picture_near, desk, visitor, event_id, other_id)


def _picture(desk: Desk, visitor: Visitor, event_id: UUID, size: str) -> Response:
    found = visible(desk.browser.find(event_id), visitor)
    return sent(desk, found["image_url"] if found else None, size)


def _picture_near(desk: Desk, visitor: Visitor, event_id: UUID, other_id: UUID) -> Response:
    around = around_of(desk, visible(desk.browser.find(event_id), visitor))
    near = next((row for row in around if row["event_id"] == other_id and not row["own"]), None)
    shown = near if near and (visitor.may_ops or near["kind"] != "failure") else None
    return sent(desk, shown["image_url"] if shown else None, "small")


def sent(desk: Desk, image_url: str | None, size: str) -> Response:
    """Return the picture at an address as JPEG, or why it cannot be shown, as text with status 404."""
    if size not in _SIZES or not image_url or desk.pictures is None:
        return Response("there is no such picture\n", 404, media_type="text/plain")
    try:
        data = desk.pictures.jpeg(image_url, _SIZES[size])
    except FleetError as error:
        return Response(f"{error}\n", 404, media_type="text/plain; charset=utf-8")
    # Its content never changes, and the browser that asked belongs to somebody who may see it.
    return Response(data, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600", "vary": "cookie"})


@router.get("/history")
def history(request: Request, desk: TheDesk, visitor: Reviewer) -> Response:
    """Show what this person said lately."""
    return _history(request, desk, visitor)


def _history(request: Request, desk: Desk, visitor: Visitor, problem: str | None = None) -> Response:
    rows = desk.quality.history(visitor.account.account_id, _PAGE)
    return render(request, "history.html", visitor, 422 if problem else 200, rows=rows, problem=problem)


@router.post("/history/correct")
def correct(
    request: Request,
    desk: TheDesk,
    visitor: Reviewer,
    event_id: Annotated[UUID, Form()],
    replaces: Annotated[UUID, Form()],
    choice: Annotated[Choice, Form()],
) -> Response:
    """Correct one of one's own labels."""
    try:
        desk.labels.add([NewLabel(uuid4(), event_id, visitor.account.account_id, choice, Origin.DESK, replaces=replaces)])
    except RequestRefused as error:
        changed = "This answer was corrected or taken back before; what stands now is below. Nothing was changed."
        return _history(request, desk, visitor, changed if error.field == "replaces" else sentence(error))
    return RedirectResponse("/history", 303)


@router.get("/backlog")
def backlog(
    request: Request, desk: TheDesk, visitor: Reviewer, asked: Annotated[Asked[BacklogFields], Depends(asked(BacklogFields))]
) -> Response:
    """Show what waits, when it will be empty, and which threshold fits the hours that people have."""
    told = backlog_of(desk, asked.fields.hours or desk.reviewer_hours_a_day, asked.fields.speed)
    status = 422 if asked.problem else 200
    return render(request, "backlog.html", visitor, status, problem=asked.problem, typed=asked.typed, **told)


@router.get("/quality")
def quality(
    request: Request, desk: TheDesk, visitor: Ops, asked: Annotated[Asked[QualityFields], Depends(asked(QualityFields))]
) -> Response:
    """Show how far reviewers agree, how fast they are, and how often the model is right where it was sure."""
    days = asked.fields.days
    since = desk.clock() - timedelta(days=days)
    opinions = [(row["event_id"], row["reviewer"], row["choice"]) for row in desk.quality.opinions(since)]
    told: dict[str, Any] = {
        "days": days,
        "typed": asked.typed,
        "problem": asked.problem,
        "few": _FEW_PAIRS,
        "reviewers": desk.quality.reviewers(since),
        "agreement": by_reviewer(opinions),
        "answers": by_answer(opinions),
        "audit": desk.quality.audit(since),
    }
    return render(request, "quality.html", visitor, 422 if asked.problem else 200, **told)


@router.post("/items/{event_id}/gold")
def gold(
    request: Request, desk: TheDesk, visitor: Admin, event_id: UUID, choice: Annotated[Choice | Literal["retire"], Form()]
) -> Response:
    """Keep an item as one whose answer is known, or stop that."""
    if not isinstance(choice, Choice):
        desk.quality.retire_gold(event_id)
    elif not desk.quality.set_gold(event_id, choice, visitor.account.account_id):
        refused = RequestRefused("item", "has not been answered, so it cannot be gold; nothing was changed")
        if page := item_page(request, desk, visitor, event_id, sentence(refused)):
            return page
        raise refused
    desk.failures.note(visitor.actor, "gold", str(event_id), choice=choice)
    return RedirectResponse(f"/items/{event_id}", 303)


def seen_by(visitor: Visitor, fields: FilterFields) -> Filter:
    """Return what a visitor may search for; raises NotAllowed.

    Reviewers search the review lane, closed or not, and by no answer: a gold item is a closed one, and looks like any other.
    """
    if visitor.may_ops:
        return fields.filter()
    if fields.lane is Lane.FAILURES or fields.answer is not None:
        raise NotAllowed
    return replace(fields.filter(), state=None)


def shown_to(visitor: Visitor, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without what would tell a reviewer the answers of others."""
    return row if visitor.may_ops else {name: value for name, value in row.items() if name not in _OF_OTHERS}


def backlog_of(desk: Desk, hours_a_day: float, labels_an_hour: float | None) -> dict[str, Any]:
    """Return what the backlog page and the API say; the hours are of all reviewers together, the labels those of one in an hour."""
    now = desk.backlog.now()
    histogram, each = desk.backlog.confidences()
    days = max((row["span_s"] for row in histogram), default=86_400.0) / 86_400
    speed = labels_an_hour or _speed(desk)
    outliers = sum(row["outliers"] for row in histogram) * each / days
    found = loads({row["percent"]: (row["decisions"] - row["outliers"]) * each / days for row in histogram}, outliers, speed)
    return {
        "now": now,
        "empty_in_h": hours_until_empty(now["open"], now["filed_last_hour"], now["closed_last_hour"]),
        "loads": found,
        "fits": fitting(found, hours_a_day),
        "hours": hours_a_day,
        "speed": speed,
        "days": days,
        "decisions": sum(row["decisions"] for row in histogram) * each,
    }


def _speed(desk: Desk) -> float:
    rows = desk.quality.reviewers(desk.clock() - timedelta(days=7))
    medians = [row["median_s"] for row in rows if row["median_s"] and row["labels"] >= 20]
    return 3600 / (sum(medians) / len(medians) or math.inf) if medians else _DEFAULT_LABELS_AN_HOUR


def visible(found: dict[str, Any] | None, visitor: Visitor) -> dict[str, Any] | None:
    """Return an item's row if the visitor may see its lane."""
    if found and found["lane"] == Lane.FAILURES.value and not visitor.may_ops:
        return None
    return found
