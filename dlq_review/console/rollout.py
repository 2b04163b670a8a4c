"""Models and rollout: what decides, what is on trial, how each did; promoted and rolled back with a reason, asked for twice."""

from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from contracts.console import Row
from contracts.errors import Infrastructure, ModelRefused, RequestRefused
from contracts.estimates import Accuracy, estimate
from contracts.facts import DependencyLost
from contracts.history import Decided, Grain
from contracts.models import ModelState, Move, ServingPlan
from contracts.moves import Moves
from contracts.names import OutcomeKind
from dlq_review.console.asked import TheRoom
from dlq_review.console.quality import strata_of
from dlq_review.console.room import Room
from dlq_review.desk import Desk
from dlq_review.text import plain
from dlq_review.web.pages import render
from dlq_review.web.visitors import Ops, TheDesk, Visitor
from dlq_review.web.wording import sentence

PAGE = 30
_DAYS = 30
_MOVES, _TRAININGS = 20, 10
_SECONDS = 10.0
_LONGEST_REASON = 500
_PLACE = "/console/models"
router = APIRouter(include_in_schema=False)


@router.get(_PLACE)
def models(request: Request, room: TheRoom, visitor: Ops, page: int = 1, said: str = "", seal: str = "") -> Response:
    """Show models, trials and what was moved."""
    return _page(request, room, visitor, max(1, min(page, 10_000)), said=visitor.flashed(said, seal))


@router.get("/console/models/{what}")
def confirm(request: Request, room: TheRoom, visitor: Ops, what: str, version: str = "") -> Response:
    """Ask once more before a model is promoted or the champion rolled back; nothing is changed yet."""
    if what not in {"promote", "rollback"}:
        return render(request, "problem.html", visitor, 404, title="Not here", problem="There is no such page.")
    try:
        return _ask(request, room, visitor, what, version)
    except RequestRefused as error:
        return _page(request, room, visitor, problem=_said(error))


@router.post("/console/models/promote")
def promote(
    request: Request,
    desk: TheDesk,
    room: TheRoom,
    visitor: Ops,
    version: Annotated[str, Form(max_length=100)],
    champion: Annotated[str, Form(max_length=100)] = "",
    because: Annotated[str, Form()] = "",
) -> Response:
    """Make a model the champion, if the one that the page named is still it."""
    try:
        why = _because(because)
        _check_champion(room, champion, version)
        before = _moves(room, visitor).move(version, ModelState.CHAMPION, why, instead_of=champion)
    except RequestRefused as error:
        return _again(request, room, visitor, "promote", version, error, because)
    except Infrastructure as error:
        return _unsure(request, desk, visitor, error)
    _note(desk, visitor, "promote model", version, because=why, before=before, replaced=champion)
    return _done(visitor, f"{plain(version, 100)} is the champion. Workers take it up within five seconds; below is what they run.")


@router.post("/console/models/rollback")
def roll_back(
    request: Request,
    desk: TheDesk,
    room: TheRoom,
    visitor: Ops,
    champion: Annotated[str, Form(max_length=100)],
    because: Annotated[str, Form()] = "",
) -> Response:
    """Take the champion back, if it is still the one that the page named."""
    try:
        why = _because(because)
        _check_champion(room, champion)
        gone, back = _moves(room, visitor).roll_back(why, champion)
    except RequestRefused as error:
        return _again(request, room, visitor, "rollback", champion, error, because)
    except Infrastructure as error:
        return _unsure(request, desk, visitor, error)
    _note(desk, visitor, "roll back model", gone, because=why, back=back)
    decides = plain(back, 100) if back else "the model that each worker came with"
    return _done(visitor, f"{plain(gone, 100)} is retired, and {decides} decides; within five seconds everywhere.")


def _page(request: Request, room: Room, visitor: Visitor, page: int = 1, *, said: str = "", problem: str | None = None) -> Response:
    rows, count = room.book.models(PAGE, (page - 1) * PAGE)
    plan = room.registry.plan()
    told: dict[str, Any] = {
        "models": rows,
        "count": count,
        "page": page,
        "pages": max(1, -(-count // PAGE)),
        "plan": plan,
        "pinned_by": room.registry.pinned_by(),
        "versions": room.book.versions(),
        "beside": {row["version"]: row for row in _trials(room, plan)},
        "results": room.lately.of("results", _SECONDS, lambda: results_of(room)),
        "moves": room.registry.moves(limit=_MOVES),
        "trainings": room.trainings.recent(_TRAININGS),
        "may_promote": {state.value for state in ModelState if state is not ModelState.CHAMPION},
        "days": _DAYS,
        "said": said,
    }
    return render(request, "console/models.html", visitor, 422 if problem else 200, problem=problem, **told)


def _trials(room: Room, plan: ServingPlan) -> list[Row]:
    versions = [file.version for file in (plan.canary, plan.shadow) if file]
    return room.lately.of(("beside", *versions), _SECONDS, lambda: room.book.beside(versions)) if versions else []


class Result:
    """What a model did in the last days: decisions, those that went to people, and how often it was right."""

    def __init__(self, version: str, rows: list[Decided]) -> None:
        """Sum up the rows of one model."""
        self.version = version
        self.decided = sum(row.decided for row in rows)
        self.reviews = sum(row.decided for row in rows if row.kind == OutcomeKind.REVIEW)
        self.last_day = max(row.at for row in rows)
        self.accuracy: Accuracy = estimate(strata_of(rows))


def results_of(room: Room) -> list[Result]:
    """Return what each model did in the last thirty days, the latest first."""
    tomorrow = datetime.combine(room.history.through().date() + timedelta(days=1), time(), UTC)
    by_model: dict[str, list[Decided]] = defaultdict(list)
    for row in room.history.decided(tomorrow - timedelta(days=_DAYS), tomorrow, Grain.DAY, by_model=True):
        if row.kind != OutcomeKind.FAILURE:
            by_model[row.model_version].append(row)
    found = [Result(version, rows) for version, rows in by_model.items()]
    return sorted(found, key=lambda one: (one.last_day, one.decided), reverse=True)[:PAGE]


def _ask(
    request: Request, room: Room, visitor: Visitor, what: str, version: str, problem: str | None = None, because: str = ""
) -> Response:
    champion = room.registry.plan().champion
    now = champion.version if champion else ""
    told: dict[str, Any] = {"what": what, "version": version, "champion": now, "because": because}
    if what == "promote":
        _moves(room, visitor).may_move(version, ModelState.CHAMPION)
        told |= {"model": room.book.model(version), "result": _result(room, version), "before": _result(room, now)}
    else:
        if not now:
            raise ModelRefused("registry", "has no champion: workers use their own model already")
        back = would_be_back(room.registry.moves(now), room.registry.moves(limit=1000), now)
        told |= {"model": None, "back": back, "result": _result(room, now), "before": _result(room, back) if back else None}
    told |= {"versions": room.book.versions(), "pinned_by": room.registry.pinned_by()}
    return render(request, "console/confirm_model.html", visitor, 422 if problem else 200, problem=problem, **told)


def would_be_back(own: list[Move], moves: list[Move], champion: str) -> str | None:
    """Return which model a roll-back brings back, as far as the last moves tell; None: none, or they do not."""
    promoted = next((one for one in own if one.after == ModelState.CHAMPION and "gone" not in one.evidence), None)
    if promoted is None:
        return None
    return next(
        (
            one.version
            for one in moves
            if one.before == ModelState.CHAMPION
            and one.evidence.get("replaced_by") == champion
            and one.acted_at == promoted.acted_at
        ),
        None,
    )


def _result(room: Room, version: str) -> Result | None:
    return next((one for one in room.lately.of("results", _SECONDS, lambda: results_of(room)) if one.version == version), None)


def _again(
    request: Request, room: Room, visitor: Visitor, what: str, version: str, error: RequestRefused, because: str
) -> Response:
    try:
        return _ask(request, room, visitor, what, version, _said(error), because[: 2 * _LONGEST_REASON])
    except RequestRefused:
        return _page(request, room, visitor, problem=_said(error))


def _unsure(request: Request, desk: Desk, visitor: Visitor, error: Infrastructure) -> Response:
    # It may have gone away before the move, or after it and before it could answer.
    desk.telemetry.emit(DependencyLost(error.reason, error.detail))
    said = "The database went away meanwhile: whether the model was moved stands on the page of models, as soon as it is back."
    return render(request, "problem.html", visitor, 503, title="Not now", problem=said)


def _said(error: RequestRefused) -> str:
    if isinstance(error, ModelRefused):
        # The rule speaks to those at a terminal, too, and names their commands behind a semicolon.
        said = error.problem.split(";", maxsplit=1)[0]
        return f"{'The registry ' if error.field == 'registry' else ''}{said}. Nothing was changed."
    return f"{sentence(error)} Nothing was changed."


def _because(text: str) -> str:
    if not (text := text.strip()):
        raise RequestRefused("Reason", "is empty: say why, for those who will ask")
    if len(text) > _LONGEST_REASON:
        raise RequestRefused("Reason", f"is longer than {_LONGEST_REASON} letters")
    return plain(text, _LONGEST_REASON)


def _check_champion(room: Room, expected: str, wanted: str = "") -> None:
    now = room.registry.plan().champion
    if now and wanted and now.version == wanted != expected:  # a form that is sent twice finds what it has done itself
        last = next(iter(room.registry.moves(wanted, 1)), None)
        raise RequestRefused(
            "The champion", f"is {wanted} already{f', by {last.actor} at {last.acted_at:%H:%M:%S} UTC' if last else ''}"
        )
    if (now.version if now else "") != expected:
        raise RequestRefused("The champion", f"is {now.version if now else 'none'} by now: look again before you change it")


def _moves(room: Room, visitor: Visitor) -> Moves:
    return Moves(room.registry, visitor.account.name)


def _note(desk: Desk, visitor: Visitor, action: str, version: str, **detail: object) -> None:
    # The model has moved, and its transition names who and why: that nothing was changed would be wrong now.
    with suppress(Infrastructure):
        desk.failures.note(visitor.actor, action, version, **detail)


def _done(visitor: Visitor, said: str) -> Response:
    return RedirectResponse(f"{_PLACE}?{urlencode(visitor.flash(said))}", 303)
