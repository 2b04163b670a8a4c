"""The grid: pictures that the model sees alike, labelled at once, and answers taken back."""

from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from contracts.errors import RequestRefused
from contracts.labels import Choice, NewLabel, Origin
from contracts.review import Holder
from dlq_review.desk import Desk
from dlq_review.web.pages import render
from dlq_review.web.reviewing import LONGEST_LOOK_MS, now_ms, wished
from dlq_review.web.visitors import Reviewer, TheDesk, Visitor
from dlq_review.web.wishes import Asked, WishAsked, WishFields, read_typed

GRID = 20
router = APIRouter(include_in_schema=False)


@router.get("/review/grid")
def grid(request: Request, desk: TheDesk, visitor: Reviewer, asked: WishAsked, said: str = "", seal: str = "") -> Response:
    """Show twenty items that the model sees alike."""
    return _page(request, desk, visitor, asked, done=visitor.flashed(said, seal))


def _page(
    request: Request, desk: Desk, visitor: Visitor, asked: Asked[WishFields], *, done: str = "", problem: str | None = None
) -> Response:
    holder = Holder(visitor.account.account_id, uuid4())
    items = desk.lane.take(holder, wished(visitor, asked.fields, alike=True), GRID)
    told: dict[str, Any] = {
        "desk": holder.desk,
        "fields": asked.fields,
        "elsewhere": 0 if items else desk.lane.elsewhere(holder),
        "shown_at": now_ms(),
        "undo": done.split(",") if done else [],
        "label_ids": {item.event_id: uuid4() for item in items},
    }
    problem = problem or asked.problem
    return render(request, "grid.html", visitor, 422 if problem else 200, items=items, problem=problem, **told)


@router.post("/review/grid")
def answer_grid(
    request: Request,
    desk: TheDesk,
    visitor: Reviewer,
    page: Annotated[UUID, Form()],
    choice: Annotated[Choice, Form()],
    labels: Annotated[list[str], Form(max_length=GRID)] = [],  # noqa: B006 - FastAPI copies it
    shown_at: Annotated[int, Form()] = 0,
    back: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Label the pictures that were chosen, and show the next ones; those that were not are free again."""
    holder = Holder(visitor.account.account_id, page)
    pairs = _pairs(labels)
    if not pairs:
        desk.lane.give_back(holder)
        asked = read_typed(WishFields, dict(parse_qsl(back)))
        return _page(request, desk, visitor, asked, problem="No picture was chosen, so nothing was labelled. Choose at least one.")
    took_ms = min(max(0, now_ms() - shown_at), LONGEST_LOOK_MS) // max(1, len(pairs)) if shown_at else None
    desk.labels.add([NewLabel(label, event, holder.account_id, choice, Origin.GRID, took_ms=took_ms) for event, label in pairs])
    desk.lane.give_back(holder)
    done = ",".join(f"{event}/{label}" for event, label in pairs)
    kept = {name: value for name, value in parse_qsl(back) if name in WishFields.model_fields}
    return RedirectResponse("/review/grid?" + urlencode(kept | visitor.flash(done)), 303)


@router.post("/review/undo")
def undo(
    desk: TheDesk,
    visitor: Reviewer,
    labels: Annotated[list[str], Form(max_length=GRID)],
    target: Annotated[str, Form(pattern="^/review/grid$|^/history$")] = "/history",
) -> Response:
    """Take back labels of this person."""
    account = visitor.account.account_id
    pairs = _pairs(labels)
    for event, label in pairs:
        try:
            desk.labels.add([NewLabel(uuid4(), event, account, None, Origin.DESK, replaces=label)])
        except RequestRefused:
            continue  # taken back or corrected before: pressing twice changes nothing
    return RedirectResponse(target, 303)


def _pairs(labels: list[str]) -> list[tuple[UUID, UUID]]:
    try:
        return [(UUID(event), UUID(label)) for event, _, label in (text.partition("/") for text in labels)]
    except ValueError:
        raise RequestRefused("labels", "are not pairs of an event's id and a label's") from None
