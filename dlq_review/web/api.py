"""The JSON API: the same as the pages do, for other programs. Described at /api/v1/openapi.json."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response, StreamingResponse

from contracts.errors import RequestRefused
from contracts.labels import Choice, Effect, NewLabel, Origin
from contracts.review import MOST_AT_ONCE, Lane
from dlq_review.desk import Desk
from dlq_review.importing import import_labels
from dlq_review.label_studio import read_tasks, to_task
from dlq_review.text import jsonable, plain
from dlq_review.web.api_answers import (
    PICTURE,
    BacklogNow,
    Discarded,
    Imported,
    Item,
    Items,
    LabelDiffers,
    LabelTaken,
    Problem,
    Redriven,
    Tasks,
    answers,
)
from dlq_review.web.looking import backlog_of, picture, seen_by, shown_to
from dlq_review.web.reviewing import blind, blinded
from dlq_review.web.visitors import ENTRANCES, Ops, Reviewer, TheDesk
from dlq_review.web.wishes import FailureFilter, FilterFields, Listing, TaskFilter

router = APIRouter(prefix="/api/v1", dependencies=ENTRANCES)


class LabelBody(BaseModel):
    """A label. `label_id` makes sending twice harmless; `replaces` corrects an earlier one, and without `choice` takes it back."""

    model_config = ConfigDict(extra="forbid")

    choice: Choice | None = None
    label_id: UUID | None = None
    replaces: UUID | None = None
    took_ms: Annotated[int | None, Field(ge=0, le=3_600_000)] = None


class Chosen(BaseModel):
    """Failures: by id, or all that a filter means; at most 10,000."""

    model_config = ConfigDict(extra="forbid")

    events: Annotated[list[UUID], Field(max_length=MOST_AT_ONCE)] = []
    filter: FailureFilter | None = None

    def ids(self, desk: Desk) -> list[UUID]:
        """Return the ids that are meant; raises RequestRefused."""
        if bool(self.events) == (self.filter is not None):
            raise RequestRefused("events", "or filter: exactly one of them has to be given")
        return list(dict.fromkeys(self.events)) if self.filter is None else desk.chosen(self.filter.filter())


class Discard(Chosen):
    """Failures that nobody will need, and why."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


@router.get("/items", responses=answers(Items))
def items(
    desk: TheDesk,
    visitor: Reviewer,
    fields: Annotated[Listing, Query()],
) -> Any:
    """List items of a lane, the oldest first."""
    limit = fields.limit
    rows = desk.browser.page(seen_by(visitor, fields), limit, _after(fields.after))
    last = f"{rows[-1]['decided_at']:%Y-%m-%dT%H:%M:%S.%fZ}/{rows[-1]['event_id']}" if len(rows) == limit else None
    return JSONResponse({"items": jsonable([shown_to(visitor, row) for row in rows]), "next": last})


@router.get("/items/{event_id}", responses=answers(Item, s404=Problem))
def item(desk: TheDesk, _: Ops, event_id: UUID) -> Any:
    """Show everything known of one item."""
    found = desk.browser.show(event_id)
    if found is None:
        return JSONResponse({"error": f"there is no item {event_id} in either lane"}, 404)
    return JSONResponse(jsonable(found))


@router.get("/items/{event_id}/picture", response_class=Response, responses=PICTURE)
async def item_picture(desk: TheDesk, visitor: Reviewer, event_id: UUID) -> Response:
    """Send an item's picture as JPEG."""
    return await picture(desk, visitor, event_id, "large")


@router.post("/items/{event_id}/labels", responses=answers(LabelTaken, s409=LabelDiffers))
def label(desk: TheDesk, visitor: Reviewer, event_id: UUID, body: LabelBody) -> Any:
    """Label an item; `effect` says what that changed."""
    label_id = body.label_id or uuid4()
    new = NewLabel(
        label_id, event_id, visitor.account.account_id, body.choice, Origin.API, replaces=body.replaces, took_ms=body.took_ms
    )
    (effect,) = desk.labels.add([new])
    if effect is Effect.DIFFERS:
        return JSONResponse({"error": "choice: this account gave another answer before", "standing": _own(desk, new)}, 409)
    return JSONResponse({"label_id": str(label_id), "effect": effect if visitor.may_ops else blind(effect)})


@router.post("/failures/redrive", responses=answers(Redriven))
def redrive(desk: TheDesk, visitor: Ops, chosen: Chosen) -> Any:
    """Open the events of failures again, so many a second; repetition changes nothing."""
    done = desk.redrive(chosen.ids(desk), visitor.actor)
    return JSONResponse(jsonable({"reopened": done.reopened, "sent_again": done.sent_again, "left": done.left}))


@router.post("/failures/discard", responses=answers(Discarded))
def discard(desk: TheDesk, visitor: Ops, chosen: Discard) -> Any:
    """Put failures away with a reason."""
    if not chosen.reason.strip() or plain(chosen.reason, 500) != chosen.reason:
        raise RequestRefused("reason", "is empty, or holds letters that cannot be seen")
    meant = chosen.ids(desk)
    done = desk.failures.discard(meant, visitor.actor, chosen.reason.strip())
    return JSONResponse(jsonable({"discarded": done, "left": [one for one in meant if one not in set(done)]}))


@router.get("/backlog", responses=answers(BacklogNow))
def backlog(desk: TheDesk, _: Reviewer) -> Any:
    """Say what waits, how fast it comes and goes, and when it will be empty."""
    told = backlog_of(desk, desk.reviewer_hours_a_day, None)
    fits = told["fits"]
    return JSONResponse(jsonable(told["now"] | {"empty_in_h": told["empty_in_h"], "fitting_threshold": fits and fits.threshold}))


@router.get("/label-studio/tasks", responses=answers(Tasks))
def export_tasks(desk: TheDesk, visitor: Ops, fields: Annotated[TaskFilter, Query()]) -> Response:
    """Send items of the review lane with their labels, in Label Studio's task format; at most 10,000."""
    desk.failures.note(visitor.actor, "export tasks", "", filter=jsonable(fields.model_dump(exclude_none=True)))
    return StreamingResponse(_tasks(desk, fields), media_type="application/json")


@router.post("/label-studio/tasks", responses=answers(Imported, s207=Imported))
def import_tasks(desk: TheDesk, visitor: Reviewer, tasks: Annotated[Any, Body()]) -> Any:
    """Take the annotations of tasks as labels of this account; importing twice changes nothing."""
    done = import_labels(desk.labels, read_tasks(tasks), visitor.account.account_id)
    told = dict(done.effects) if visitor.may_ops else blinded(done.effects)
    said = {"effects": told, "refused": done.refused, "differing": jsonable(done.differing)}
    return JSONResponse(said, 207 if done.refused or done.differing else 200)


def _own(desk: Desk, label: NewLabel) -> Any:
    found = desk.labels.own(label.event_id, label.account_id)
    return found and {"label_id": str(found[0]), "choice": found[1]}


def _after(text: str | None) -> tuple[datetime, UUID] | None:
    if not text:
        return None
    moment, _, event_id = text.partition("/")
    try:
        return datetime.fromisoformat(moment), UUID(event_id)
    except ValueError:
        raise RequestRefused("after", "is not what `next` of a page before said") from None


def _tasks(desk: Desk, fields: FilterFields) -> Iterator[str]:
    import json

    after, sent = None, 0
    yield "["
    while sent < MOST_AT_ONCE and (rows := desk.browser.page(fields.filter(Lane.REVIEW), 200, after)):
        for row in rows:
            if found := desk.browser.show(row["event_id"], Lane.REVIEW):
                yield (",\n" if sent else "") + json.dumps(jsonable(to_task(found, desk.public_url)))
                sent += 1
        after = (rows[-1]["decided_at"], rows[-1]["event_id"])
    yield "]\n"
