"""The failures page: what went wrong, by reason, sensor and time; opened again or put away."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response, StreamingResponse

from contracts.errors import RequestRefused
from contracts.review import MOST_AT_ONCE, Filter, Lane
from dlq_review.desk import Desk
from dlq_review.text import jsonable, plain
from dlq_review.web.looking import item_page
from dlq_review.web.pages import render
from dlq_review.web.visitors import Ops, TheDesk, Visitor
from dlq_review.web.wishes import Asked, FailureAsked, FailureFields, FailureFilter, FilterFields, read_typed
from dlq_review.web.wording import LABELS, sentence

_PAGE, _GROUPS, _HOURS = 50, 60, 48
_LONGEST_REASON = 500
_EXPORTED = ("event_id", "reason", "sensor_id", "image_url", "captured_at", "decided_at", "state", "detail", "attempts", "rounds",
             "closed_at", "closed_by", "close_reason")  # fmt: skip
router = APIRouter(include_in_schema=False)


class Meant(BaseModel):
    """Which failures a form means, and what else was typed into it. `back` is the filter of the page that it stands on."""

    events: list[UUID] = []
    all_of: Annotated[str, Field(max_length=2000)] = ""
    expected: Annotated[int | None, Field(ge=0)] = None
    back: Annotated[str, Field(max_length=2000)] = ""
    item: UUID | None = None
    reason: str = ""
    what: Literal["redrive", "discard"] = "redrive"


MeantForm = Annotated[Meant, Form()]


@dataclass(frozen=True, slots=True)
class _Page:
    """Who is at a page of failures, and with what."""

    request: Request
    desk: Desk
    visitor: Visitor

    def show(self, asked: Asked[FailureFields], form: Meant | None = None, problem: str | None = None, said: str = "") -> Response:
        """Return the page of a filter, with what is wrong with the filter or with a form; nothing is shown for half a filter."""
        told = {"form": form or Meant(), "said": said, "fields": asked.fields, "typed": asked.typed}
        found = _shown(self.desk, asked.fields) if asked.problem is None else _NOTHING
        problem = problem or asked.problem
        return render(self.request, "failures.html", self.visitor, 422 if problem else 200, problem=problem, **told, **found)

    def again(self, form: Meant, problem: str) -> Response:
        """Return the page that a form stood on, with what was typed and what is wrong with it."""
        if form.item and (page := item_page(self.request, self.desk, self.visitor, form.item, problem, form.reason)):
            return page
        if form.all_of:
            return self.ask(form, problem)
        return self.show(read_typed(FailureFields, _pairs(form.back)), form, problem)

    def ask(self, form: Meant, problem: str | None = None) -> Response:
        """Return the page that asks whether all of a filter are meant; it names the filter and how many that are."""
        fields = _filter(form.all_of)
        count = self.desk.browser.count(fields.filter())
        if not count:
            return self.show(read_typed(FailureFields, _pairs(form.all_of)), form, "That filter means no failure (any more).")
        if count > MOST_AT_ONCE:
            problem = f"{count:,} failures match, and {MOST_AT_ONCE:,} can be moved at once: narrow them by reason, sensor or time."
            return self.show(read_typed(FailureFields, _pairs(form.all_of)), form, problem)
        told = {"form": form, "count": count, "rate": self.desk.redrive_per_second, "filter": _words(fields)}
        return render(self.request, "confirm.html", self.visitor, 422 if problem else 200, problem=problem, **told)


@router.get("/failures")
def failures(request: Request, desk: TheDesk, visitor: Ops, asked: FailureAsked, said: str = "", seal: str = "") -> Response:
    """Show failures by reason and sensor, their course over the last day, and the first of a list."""
    return _Page(request, desk, visitor).show(asked, said=visitor.flashed(said, seal))


@router.post("/failures/all")
def confirm(request: Request, desk: TheDesk, visitor: Ops, form: MeantForm) -> Response:
    """Ask once more before all that a filter means is moved; nothing is changed yet."""
    return _Page(request, desk, visitor).ask(form.model_copy(update={"all_of": form.back}))


@router.post("/failures/redrive")
def redrive(request: Request, desk: TheDesk, visitor: Ops, form: MeantForm) -> Response:
    """Open events again: those that were chosen, or all that the page's filter means."""
    try:
        done = desk.redrive(_meant(desk, form), visitor.actor)
    except RequestRefused as error:
        return _Page(request, desk, visitor).again(form, sentence(error))
    said = f"{len(done.reopened)} opened again, {len(done.sent_again)} sent to the door again"
    return _back(visitor, said + (f", {len(done.left)} left as they are" if done.left else ""), form)


@router.post("/failures/discard")
def discard(request: Request, desk: TheDesk, visitor: Ops, form: MeantForm) -> Response:
    """Put failures away, with a reason."""
    try:
        done = desk.failures.discard(_meant(desk, form), visitor.actor, plain(_because(form.reason), _LONGEST_REASON))
    except RequestRefused as error:
        return _Page(request, desk, visitor).again(form.model_copy(update={"what": "discard"}), sentence(error))
    return _back(visitor, f"{len(done)} put away", form)


@router.get("/failures/all")
@router.get("/failures/redrive")
@router.get("/failures/discard")
def lead_back(_: Ops) -> Response:
    """Lead who reloads the address of a form back to the list."""
    return RedirectResponse("/failures", 303)


@router.get("/failures/export")
def export(desk: TheDesk, visitor: Ops, asked: FailureAsked) -> Response:
    """Send all that a filter means as CSV."""
    if asked.problem:  # the page says it
        return RedirectResponse("/failures?" + urlencode(asked.typed), 303)
    desk.failures.note(visitor.actor, "export failures", _query(asked.fields))
    answer = StreamingResponse(_csv(desk, asked.fields.filter(Lane.FAILURES)), media_type="text/csv; charset=utf-8")
    answer.headers["content-disposition"] = 'attachment; filename="failures.csv"'
    return answer


_NOTHING: dict[str, Any] = {"rows": [], "groups": [], "count": None, "hours": [], "query": "", "kept": {}, "retrying": []}


def _shown(desk: Desk, fields: FilterFields) -> dict[str, Any]:
    wanted = fields.filter(Lane.FAILURES)
    return {
        "rows": desk.browser.page(wanted, _PAGE),
        "groups": desk.browser.failure_groups(wanted, _GROUPS),
        "count": desk.browser.count(wanted),
        "hours": _bars(desk, wanted),
        "retrying": desk.browser.retrying(),
        "query": _query(fields),
        "kept": dict(parse_qsl(_query(fields))),
    }


def _because(reason: str) -> str:
    if not (reason := reason.strip()):
        raise RequestRefused("Reason to put away", "is empty: say why nobody will need them")
    if len(reason) > _LONGEST_REASON:
        raise RequestRefused("Reason to put away", f"is longer than {_LONGEST_REASON} letters")
    return reason


def _meant(desk: Desk, form: Meant) -> list[UUID]:
    if not form.all_of:
        if not form.events:
            raise RequestRefused("events", "are none: tick some in the list, or take all that the filter means")
        return form.events
    # More than were on the page when the button was pressed are not what was meant.
    return desk.chosen(_filter(form.all_of).filter())[: form.expected]


def _filter(query: str) -> FailureFilter:
    return FailureFilter.model_validate(_pairs(query, blank=True))


def _words(fields: FilterFields) -> list[tuple[str, str]]:
    given = jsonable(fields.model_dump(exclude_none=True, exclude={"lane"}))
    return [(LABELS.get(name, name.capitalize()), str(value)) for name, value in given.items()]


def _pairs(query: str, *, blank: bool = False) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, keep_blank_values=blank, max_num_fields=20, strict_parsing=bool(query)))
    except ValueError:
        raise RequestRefused("all_of", "is no filter of this page") from None


def _query(fields: FilterFields) -> str:
    return urlencode(
        {**{k: v for k, v in jsonable(fields.model_dump(exclude_none=True)).items() if k != "lane"}, "lane": "failures"}
    )


def _back(visitor: Visitor, said: str, form: Meant) -> Response:
    kept = {key: value for key, value in _pairs(form.all_of or form.back).items() if key in FilterFields.model_fields}
    return RedirectResponse("/failures?" + urlencode(kept | visitor.flash(said)), 303)


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
