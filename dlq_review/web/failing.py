"""The failures page: what went wrong, by reason, sensor and time; opened again or put away."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from contracts.errors import RequestRefused
from contracts.review import Filter, Lane
from dlq_review.desk import Desk
from dlq_review.text import jsonable, plain
from dlq_review.web.pages import render
from dlq_review.web.visitors import Ops, TheDesk
from dlq_review.web.wishes import FailureFilter, FilterFields, FilterQuery

_PAGE, _GROUPS, _HOURS = 50, 60, 48
_EXPORTED = ("event_id", "reason", "sensor_id", "image_url", "captured_at", "decided_at", "state", "detail", "attempts", "rounds")
router = APIRouter(include_in_schema=False)


@router.get("/failures")
def failures(request: Request, desk: TheDesk, visitor: Ops, fields: FilterQuery, said: str = "") -> Response:
    """Show failures by reason and sensor, their course over the last day, and the first of a list."""
    wanted = fields.filter(Lane.FAILURES)
    rows = desk.browser.page(wanted, _PAGE)
    told: dict[str, Any] = {
        "fields": fields,
        "groups": desk.browser.failure_groups(wanted, _GROUPS),
        "count": desk.browser.count(wanted),
        "hours": _bars(desk, wanted),
        "query": _query(fields),
        "rate": desk.redrive_per_second,
    }
    return render(request, "failures.html", visitor, rows=rows, said=plain(said), **told)


@router.post("/failures/redrive")
def redrive(
    desk: TheDesk,
    visitor: Ops,
    events: Annotated[list[UUID], Form()] = [],  # noqa: B006 - FastAPI copies it
    all_of: Annotated[str, Form(max_length=2000)] = "",
    expected: Annotated[int | None, Form(ge=0)] = None,
) -> Response:
    """Open events again: those that were chosen, or all that the page's filter means."""
    done = desk.redrive(_meant(desk, events, all_of, expected), visitor.actor)
    said = f"{len(done.reopened)} opened again, {len(done.sent_again)} sent to the door again"
    return _back(said + (f", {len(done.left)} left as they are" if done.left else ""), all_of)


@router.post("/failures/discard")
def discard(
    desk: TheDesk,
    visitor: Ops,
    reason: Annotated[str, Form(max_length=500)],
    events: Annotated[list[UUID], Form()] = [],  # noqa: B006 - FastAPI copies it
    all_of: Annotated[str, Form(max_length=2000)] = "",
    expected: Annotated[int | None, Form(ge=0)] = None,
) -> Response:
    """Put failures away, with a reason."""
    if not reason.strip():
        raise RequestRefused("reason", "is empty: say why nobody will need them")
    done = desk.failures.discard(_meant(desk, events, all_of, expected), visitor.actor, plain(reason.strip(), 500))
    return _back(f"{len(done)} put away", all_of)


@router.get("/failures/export")
def export(desk: TheDesk, visitor: Ops, fields: FilterQuery) -> Response:
    """Send all that a filter means as CSV."""
    desk.failures.note(visitor.actor, "export failures", _query(fields))
    answer = StreamingResponse(_csv(desk, fields.filter(Lane.FAILURES)), media_type="text/csv; charset=utf-8")
    answer.headers["content-disposition"] = 'attachment; filename="failures.csv"'
    return answer


def _meant(desk: Desk, events: list[UUID], all_of: str, expected: int | None) -> list[UUID]:
    if not all_of:
        if not events:
            raise RequestRefused("events", "are none: choose some, or all that the filter means")
        return events
    ids = desk.chosen(FailureFilter.model_validate(_pairs(all_of)).filter())
    if expected is not None and len(ids) > expected:
        # More than were on the page when the button was pressed are not what was meant.
        ids = ids[:expected]
    return ids


def _pairs(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, max_num_fields=20, strict_parsing=bool(query)))
    except ValueError:
        raise RequestRefused("all_of", "is no filter of this page") from None


def _query(fields: FilterFields) -> str:
    return urlencode(
        {**{k: v for k, v in jsonable(fields.model_dump(exclude_none=True)).items() if k != "lane"}, "lane": "failures"}
    )


def _back(said: str, query: str) -> Response:
    kept = {key: value for key, value in _pairs(query).items() if key in FilterFields.model_fields}
    return RedirectResponse("/failures?" + urlencode(kept | {"said": said}), 303)


def _bars(desk: Desk, wanted: Filter) -> list[dict[str, object]]:
    hour = timedelta(hours=1)
    last = desk.clock().replace(minute=0, second=0, microsecond=0)
    first = last - hour * (_HOURS - 1)
    counted: Counter[datetime] = Counter()
    for row in desk.browser.failures_in_time(replace(wanted, since=max(wanted.since or first, first)), hour):
        counted[row["begins_at"]] += row["items"]
    most = max(counted.values(), default=0)
    if not most:
        return []
    hours = [first + hour * place for place in range(_HOURS)]
    return [{"at": at, "count": counted[at], "height": max(1, round(counted[at] / most * 100))} for at in hours]


def _csv(desk: Desk, wanted: Filter) -> Iterator[str]:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(_EXPORTED)
    after = None
    while rows := desk.browser.page(wanted, 1000, after):
        for row in rows:
            writer.writerow([_cell(row[name]) for name in _EXPORTED])
        yield file.getvalue()
        file.seek(0)
        file.truncate()
        after = (rows[-1]["decided_at"], rows[-1]["event_id"])


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    # A spreadsheet would run what a stranger wrote.
    return "'" + text if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
