"""The review page: a form that works without scripts, and the calls with which the page's script never lets anybody wait."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, RedirectResponse, Response

from contracts.errors import EventInvalid, RequestRefused
from contracts.labels import Choice, Effect, NewLabel, Origin
from contracts.review import Holder, Lane, ReviewItem, Wish
from dlq_review.desk import Desk
from dlq_review.text import jsonable
from dlq_review.web.looking import around_of, visible
from dlq_review.web.pages import render
from dlq_review.web.visitors import NotAllowed, Reviewer, TheDesk, Visitor
from dlq_review.web.wishes import WishAsked, WishFields
from dlq_review.web.wording import sentence

AHEAD = 10
_OWN_AFFAIR = frozenset({Effect.REPEATED, Effect.DIFFERS})
LONGEST_LOOK_MS = 3_600_000
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
def review(request: Request, desk: TheDesk, visitor: Reviewer, asked: WishAsked) -> Response:
    """Show the first picture, or the one that was asked for; the script of the page takes the next ones."""
    holder, fields = Holder(visitor.account.account_id, uuid4()), asked.fields
    item = _first(desk, visitor, holder, fields)
    told: dict[str, Any] = {
        "desk": holder.desk,
        "fields": fields,
        "typed": asked.typed,
        "problem": f"{asked.problem} That was left out." if asked.problem else None,
        "missed": _missed(desk, fields.event) if fields.event is not None and item is None else "",
        "waiting": waiting(desk),
        "elsewhere": 0 if item else desk.lane.elsewhere(holder),
        "label_id": uuid4(),
        "shown_at": now_ms(),
    }
    return render(request, "review.html", visitor, 422 if asked.problem else 200, item=item, **told, **_around(desk, item))


@router.post("/review/take-over")
def take_over(
    desk: TheDesk,
    visitor: Reviewer,
    target: Annotated[str, Form(pattern="^/review(/grid)?$")] = "/review",
    back: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Free what other pages of this person hold, for the next one that is opened."""
    desk.lane.take_over(Holder(visitor.account.account_id, uuid4()))
    kept = {name: value for name, value in parse_qsl(back) if name in WishFields.model_fields}
    return RedirectResponse(target + (f"?{urlencode(kept)}" if kept else ""), 303)


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
    took_ms = min(max(0, now_ms() - shown_at), LONGEST_LOOK_MS) if shown_at else None
    said = choice if isinstance(choice, Choice) else None
    done = Action(kind="label" if said else "skip", event_id=event_id, label_id=label_id, choice=said, took_ms=took_ms)
    _do(desk, Holder(visitor.account.account_id, page), done, Origin.DESK)
    desk.lane.give_back(Holder(visitor.account.account_id, page))
    return RedirectResponse("/review" + (f"?{back}" if back.isprintable() and back.isascii() and back else ""), 303)


@router.post("/review/take")
def take(desk: TheDesk, visitor: Reviewer, wanted: Take) -> Response:
    """Lease more items for a page."""
    holder = Holder(visitor.account.account_id, wanted.desk)
    items = desk.take(holder, wished(visitor, wanted), wanted.count)
    elsewhere = 0 if items else desk.lane.elsewhere(holder)
    return JSONResponse({"items": [_shown(item) for item in items], "waiting": waiting(desk), "elsewhere": elsewhere})


@router.post("/review/actions")
def actions(desk: TheDesk, visitor: Reviewer, said: Actions) -> Response:
    """Take what a page has to tell; what cannot be taken is said for each, and does not hold up the rest."""
    holder = Holder(visitor.account.account_id, said.desk)
    results = [_result(desk, holder, action) for action in said.actions]
    # What is taken back waits again; what is answered is counted with the next pictures.
    back = any(action.kind != "skip" and action.choice is None for action in said.actions)
    return JSONResponse({"results": results} | ({"waiting": waiting(desk)} if back else {}))


@router.post("/review/renew")
def renew(desk: TheDesk, visitor: Reviewer, held: Held) -> Response:
    """Hold a page's items longer, and say which are still held."""
    holder = Holder(visitor.account.account_id, held.desk)
    kept = desk.lane.renew(holder, held.events)
    return JSONResponse({"held": [str(event_id) for event_id in kept], "waiting": waiting(desk)})


@router.post("/review/leave")
def leave(desk: TheDesk, visitor: Reviewer, page: Annotated[UUID, Form()]) -> Response:
    """Take back what a closed page held."""
    desk.lane.give_back(Holder(visitor.account.account_id, page))
    return Response(status_code=204)


@router.get("/review/around/{event_id}")
def around(request: Request, desk: TheDesk, visitor: Reviewer, event_id: UUID) -> Response:
    """Show what the same sensor photographed just before and after."""
    found = visible(desk.browser.find(event_id), visitor)
    return render(request, "_neighbours.html", visitor, near=event_id, neighbours=around_of(desk, found))


def waiting(desk: Desk) -> int:
    """Return how many pictures wait for people."""
    return sum(desk.browser.counts()["review"].values())


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
        return {"error": sentence(error) if isinstance(error, RequestRefused) else error.detail}
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
        took_ms=None if action.took_ms is None else min(action.took_ms, LONGEST_LOOK_MS),
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


def _first(desk: Desk, visitor: Visitor, holder: Holder, fields: WishFields) -> ReviewItem | None:
    if fields.event is not None and not visitor.may_ops:
        return desk.lane.pick(holder, fields.event)  # closed or not: which it is would tell what others said
    items = desk.take(holder, fields.wish(), 1)
    return items[0] if items else None


def _missed(desk: Desk, event_id: UUID) -> str:
    if desk.browser.find(event_id, Lane.REVIEW) is None:
        return "There is no such picture here."
    return "The picture that you asked for is with somebody else at this moment, or you have answered it."


def _around(desk: Desk, item: ReviewItem | None) -> dict[str, Any]:
    if item is None:
        return {"near": None, "neighbours": []}
    found = {"event_id": item.event_id, "sensor_id": item.sensor_id, "captured_at": item.captured_at}
    return {"near": item.event_id, "neighbours": around_of(desk, found)}


def now_ms() -> int:
    """Return the time, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
