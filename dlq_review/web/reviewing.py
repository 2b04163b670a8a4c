"""The review page: a form that works without scripts, and the calls with which the page's script never lets anybody wait."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, RedirectResponse, Response

from contracts.errors import EventInvalid, RequestRefused
from contracts.labels import Choice, Effect, NewLabel, Origin
from contracts.review import Holder, ReviewItem, Wish
from dlq_review.desk import Desk
from dlq_review.text import jsonable
from dlq_review.web.pages import render
from dlq_review.web.visitors import NotAllowed, Reviewer, TheDesk, Visitor
from dlq_review.web.wishes import WishFields, WishQuery

AHEAD = 10
GRID = 20
_OWN_AFFAIR = frozenset({Effect.REPEATED, Effect.DIFFERS})
_LONGEST_LOOK_MS = 3_600_000
router = APIRouter(include_in_schema=False)


class Action(BaseModel):
    """What a reviewer did. `label_id` is made by the page, so that sending twice changes nothing."""

    model_config = ConfigDict(extra="forbid")

    kind: Annotated[str, Field(pattern="^(label|skip|unskip)$")]
    event_id: UUID
    label_id: UUID | None = None
    choice: Choice | None = None
    replaces: UUID | None = None
    took_ms: Annotated[int | None, Field(ge=0)] = None


class Actions(BaseModel):
    """What a page has to tell, in order."""

    desk: UUID
    actions: Annotated[list[Action], Field(max_length=100)] = []


class Take(WishFields):
    """A page's wish for more."""

    desk: UUID
    count: Annotated[int, Field(ge=1, le=AHEAD)] = AHEAD


class Held(BaseModel):
    """What a page holds."""

    desk: UUID
    events: Annotated[list[UUID], Field(max_length=100)] = []


@router.get("/review")
def review(request: Request, desk: TheDesk, visitor: Reviewer, fields: WishQuery) -> Response:
    """Show the first picture; the script of the page takes the next ones."""
    page = uuid4()
    items = desk.take(Holder(visitor.account.account_id, page), wished(visitor, fields), 1)
    told: dict[str, Any] = {
        "desk": page,
        "fields": fields,
        "waiting": desk.browser.counts()["review"],
        "label_id": uuid4(),
        "shown_at": _now_ms(),
    }
    return render(request, "review.html", visitor, item=items[0] if items else None, **told, **_around(desk, items))


@router.post("/review/answer")
def answer(
    desk: TheDesk,
    visitor: Reviewer,
    event_id: Annotated[UUID, Form()],
    label_id: Annotated[UUID, Form()],
    page: Annotated[UUID, Form()],
    choice: Annotated[Choice | Literal["skip"], Form()],
    back: Annotated[str, Form(max_length=500)] = "",
    shown_at: Annotated[int, Form()] = 0,
) -> Response:
    """Take the answer of a page without scripts, and show the next picture."""
    took_ms = min(max(0, _now_ms() - shown_at), _LONGEST_LOOK_MS) if shown_at else None
    said = choice if isinstance(choice, Choice) else None
    done = Action(kind="label" if said else "skip", event_id=event_id, label_id=label_id, choice=said, took_ms=took_ms)
    _do(desk, Holder(visitor.account.account_id, page), done, Origin.DESK)
    desk.lane.give_back(Holder(visitor.account.account_id, page))
    return RedirectResponse("/review" + (f"?{back}" if back.isprintable() and back.isascii() and back else ""), 303)


@router.post("/review/take")
def take(desk: TheDesk, visitor: Reviewer, wanted: Take) -> Response:
    """Lease more items for a page."""
    items = desk.take(Holder(visitor.account.account_id, wanted.desk), wished(visitor, wanted), wanted.count)
    waiting = sum(desk.browser.counts()["review"].values())
    return JSONResponse({"items": [_shown(item) for item in items], "waiting": waiting})


@router.post("/review/actions")
def actions(desk: TheDesk, visitor: Reviewer, said: Actions) -> Response:
    """Take what a page has to tell; what cannot be taken is said for each, and does not hold up the rest."""
    holder = Holder(visitor.account.account_id, said.desk)
    return JSONResponse({"results": [_result(desk, holder, action) for action in said.actions]})


@router.post("/review/renew")
def renew(desk: TheDesk, visitor: Reviewer, held: Held) -> Response:
    """Hold a page's items longer, and say which are still held."""
    holder = Holder(visitor.account.account_id, held.desk)
    kept = desk.lane.renew(holder, held.events)
    return JSONResponse({"held": [str(event_id) for event_id in kept], "waiting": sum(desk.browser.counts()["review"].values())})


@router.post("/review/leave")
def leave(desk: TheDesk, visitor: Reviewer, page: Annotated[UUID, Form()]) -> Response:
    """Take back what a closed page held."""
    desk.lane.give_back(Holder(visitor.account.account_id, page))
    return Response(status_code=204)


@router.get("/review/around/{event_id}")
def around(request: Request, desk: TheDesk, visitor: Reviewer, event_id: UUID) -> Response:
    """Show what the same sensor photographed just before and after."""
    found = desk.browser.find(event_id)
    items = desk.browser.neighbours(found["sensor_id"], found["captured_at"], event_id) if found and found["sensor_id"] else []
    return render(request, "_neighbours.html", visitor, neighbours=items)


@router.get("/review/grid")
def grid(request: Request, desk: TheDesk, visitor: Reviewer, fields: WishQuery, done: str = "") -> Response:
    """Show twenty items that the model sees alike."""
    page = uuid4()
    items = desk.lane.take(Holder(visitor.account.account_id, page), wished(visitor, fields, alike=True), GRID)
    labels = {item.event_id: uuid4() for item in items}
    undo = [part for part in done.split(",") if part][:GRID]
    told: dict[str, Any] = {"desk": page, "fields": fields, "shown_at": _now_ms(), "undo": undo}
    return render(request, "grid.html", visitor, items=items, label_ids=labels, **told)


@router.post("/review/grid")
def answer_grid(
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
    took_ms = min(max(0, _now_ms() - shown_at), _LONGEST_LOOK_MS) // max(1, len(pairs)) if shown_at else None
    desk.labels.add([NewLabel(label, event, holder.account_id, choice, Origin.GRID, took_ms=took_ms) for event, label in pairs])
    desk.lane.give_back(holder)
    done = ",".join(f"{event}/{label}" for event, label in pairs)
    kept = f"&{back}" if back and back.isprintable() and back.isascii() else ""
    return RedirectResponse(f"/review/grid?done={done}{kept}", 303)


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


def wished(visitor: Visitor, fields: WishFields, *, alike: bool = False) -> Wish:
    """Return what a visitor may wish for; raises NotAllowed: whether one item can be had would tell a reviewer if it is closed."""
    if fields.event is not None and not visitor.may_ops:
        raise NotAllowed
    return fields.wish(alike=alike)


def blind(effect: Effect) -> str:
    """Return what a reviewer may know of an effect: more would tell gold items, and what others answered."""
    return effect.value if effect in _OWN_AFFAIR else "taken"


def blinded(effects: Mapping[str, int]) -> dict[str, int]:
    """Return how many labels had which effect, as far as a reviewer may know."""
    told: Counter[str] = Counter()
    for effect, count in effects.items():
        told[blind(Effect(effect))] += count
    return dict(told)


def _result(desk: Desk, holder: Holder, action: Action) -> dict[str, Any]:
    try:
        effect, item = _do(desk, holder, action, Origin.DESK)
    except (RequestRefused, EventInvalid) as error:
        return {"error": error.detail}
    return {"effect": effect, "item": _shown(item) if item else None}


def _do(desk: Desk, holder: Holder, action: Action, origin: Origin) -> tuple[str, ReviewItem | None]:
    if action.kind == "skip":
        desk.lane.skip(holder, action.event_id)
        return "skipped", None
    if action.kind == "unskip":
        return "taken", desk.lane.retake(holder, action.event_id)
    if action.label_id is None:
        raise RequestRefused("label_id", "is missing")
    label = NewLabel(
        label_id=action.label_id,
        event_id=action.event_id,
        account_id=holder.account_id,
        choice=action.choice,
        origin=origin,
        replaces=action.replaces,
        took_ms=None if action.took_ms is None else min(action.took_ms, _LONGEST_LOOK_MS),
    )
    (effect,) = desk.labels.add([label])
    if effect is Effect.DIFFERS:
        raise RequestRefused("choice", "is another than your answer to this item before, which stands; My answers corrects it")
    back = action.choice is None and effect != Effect.REPEATED
    return blind(effect), desk.lane.retake(holder, action.event_id) if back else None


def _shown(item: ReviewItem) -> dict[str, Any]:
    return jsonable(  # type: ignore[no-any-return]
        {
            "event_id": item.event_id,
            "reason": item.reason,
            "sensor_id": item.sensor_id,
            "captured_at": item.captured_at,
            "top": [[category, score] for category, score in item.top()],
            "model_version": item.model_version,
        }
    )


def _around(desk: Desk, items: list[ReviewItem]) -> dict[str, Any]:
    if not items:
        return {"neighbours": []}
    return {"neighbours": desk.browser.neighbours(items[0].sensor_id, items[0].captured_at, items[0].event_id)}


def _pairs(labels: list[str]) -> list[tuple[UUID, UUID]]:
    try:
        return [(UUID(event), UUID(label)) for event, _, label in (text.partition("/") for text in labels)]
    except ValueError:
        raise RequestRefused("labels", "are not pairs of an event's id and a label's") from None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
