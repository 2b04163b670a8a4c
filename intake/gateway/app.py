"""The gateway over HTTP: routes, what their answers look like, and what errors mean to who asked."""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response

from contracts.errors import FleetError
from contracts.gateway import EventState
from contracts.names import TRACE_HEADER, OutcomeKind
from contracts.signatures import Credential
from intake.gateway.documents import (
    ContactMade,
    ContactTaken,
    EventDocument,
    PredictAnswer,
    PredictWanted,
    TruthBrought,
    UploadPlace,
    UploadWanted,
)
from intake.gateway.gateway import Gateway
from intake.gateway.openapi import EVENTS_BODY, PREDICTED, TAKEN, TRUTH, describe, problems
from intake.gateway.problems import INVALID, MEDIA, METHOD, NOT_KNOWN, TOO_LARGE, UNFORESEEN, Problem, Refused, problem_of
from intake.gateway.publishing import Accepted, Fate

MOST_BYTES = 5 * 2**20
_MOST_WAIT_S = 10.0
_WAIT_S = 5.0
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
Seconds = Annotated[float, Query(ge=0, le=_MOST_WAIT_S, allow_inf_nan=False, description="how long to wait for the outcome")]


def create_app(gateway: Gateway, lifespan: Lifespan | None = None) -> FastAPI:
    """Return the gateway's application."""
    app = FastAPI(title="waste-fleet gateway", version=gateway.version, redoc_url=None, lifespan=lifespan)
    app.state.gateway = gateway
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    route(app, "/v1/events", post_events, "POST", 202, problems(401, 403, 409, 413, 415, 422, 429, 503) | TAKEN, EVENTS_BODY)
    route(app, "/v1/uploads", post_upload, "POST", 200, problems(401, 403, 413, 415, 422, 503))
    route(app, "/v1/events/{event_id}", get_event, "GET", 200, problems(401, 404, 422, 503))
    route(app, "/v1/contacts", post_contact, "POST", 200, problems(401, 403, 413, 415, 422, 503))
    route(app, "/v1/ground-truth", post_truth, "POST", 200, problems(401, 403, 413, 415, 422, 503) | TRUTH)
    route(app, "/predict", post_predict, "POST", 200, problems(401, 403, 413, 415, 422, 429, 503) | PREDICTED)
    app.add_api_route("/health", get_health, methods=["GET"], responses=problems())
    for path, call in (("/health/live", get_live), ("/health/ready", get_ready), ("/metrics", get_metrics)):
        app.add_api_route(path, call, methods=["GET"], include_in_schema=False)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return app


def route(app: FastAPI, path: str, call: Any, method: str, status: int, answers: Any, extra: Any = None) -> None:
    """Add a route whose answers are all described."""
    app.add_api_route(
        path, call, methods=[method], status_code=status, responses=answers, openapi_extra=extra, operation_id=call.__name__
    )


def _gateway(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


def _bearer(request: Request) -> Credential:
    return _gateway(request).known(request.headers.get("authorization"))


Bearer = Annotated[Credential, Depends(_bearer)]


async def post_events(request: Request) -> Response:
    """Take one event or a batch of up to 500. Sending one again changes nothing."""
    gateway, headers = _gateway(request), request.headers
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return Problem(MEDIA, "send the event as application/json").response()
    bearer = gateway.bearer(headers.get("authorization"))
    fates = await gateway.take(await request.body(), headers.get("signature"), bearer, headers.get(TRACE_HEADER))
    answer = _batch(fates) if isinstance(fates, list) else _single(fates)
    if (share := gateway.weather.hint.share) < 1:
        answer.headers["waste-rate"] = f"{share:.3f}"
    return answer


def _single(fate: Fate) -> Response:
    if isinstance(fate, Problem):
        return fate.response()
    where = {"location": f"/v1/events/{fate.event_id}"}
    return JSONResponse(_taken(fate), 200 if fate.again else 202, where)


def _taken(fate: Accepted) -> dict[str, object]:
    return {"event_id": str(fate.event_id), "state": "accepted"}


def _batch(fates: list[Fate]) -> Response:
    results = [_result(fate) for fate in fates]
    problems = [fate for fate in fates if isinstance(fate, Problem)]
    if len(problems) == len(fates):
        return _first(problems).response(results=results)
    waits = [fate.retry_after_s for fate in problems if fate.retry_after_s is not None]
    headers = {"retry-after": str(max(1, -int(-max(waits) // 1)))} if waits else {}
    return JSONResponse({"results": results}, 207 if problems else 202, headers)


def _first(problems: list[Problem]) -> Problem:
    """Return what is said of a batch of which nothing was taken."""
    longest = max((problem.retry_after_s for problem in problems if problem.retry_after_s is not None), default=None)
    detail = f"none of the events was taken, the first because: {problems[0].detail or problems[0].kind.title}"
    return replace(problems[0], detail=detail, field="events", retry_after_s=longest)


def _result(fate: Fate) -> dict[str, object]:
    if isinstance(fate, Problem):
        return {"status": fate.kind.status, "problem": fate.document()}
    return {"status": 200 if fate.again else 202, "event_id": str(fate.event_id)}


async def post_upload(request: Request, bearer: Bearer, wanted: Annotated[UploadWanted, Body()]) -> UploadPlace:
    """Say where a device may put one picture, for ten minutes."""
    place = _gateway(request).place(wanted, bearer)
    return UploadPlace(image_url=place.image_url, url=place.url, headers=dict(place.headers), expires_at=place.expires_at)


def post_contact(request: Request, bearer: Bearer, made: Annotated[ContactMade, Body()]) -> ContactTaken:
    """Note that a device is there, and tell it the time and how fast it may send."""
    gateway = _gateway(request)
    gateway.contact(made, bearer)
    hint = gateway.weather.hint
    return ContactTaken(time=gateway.clock(), share=hint.share, pause_s=hint.pause_s)


def post_truth(request: Request, bearer: Bearer, brought: Annotated[TruthBrought, Body()]) -> Response:
    """Take what a plant found in the bins. Sending it again changes nothing; rows that are no labels hold up no others."""
    found = _gateway(request).truth(brought, bearer)
    return JSONResponse(asdict(found), 207 if found.rejected else 200)


async def get_event(request: Request, bearer: Bearer, event_id: UUID, wait: Seconds = 0.0) -> EventDocument:
    """Say what became of an event; with `wait` as soon as it is decided."""
    state = await _gateway(request).find(event_id, bearer, wait)
    return EventDocument(event_id=event_id, state="accepted") if state is None else _document(state)


def _document(state: EventState) -> EventDocument:
    return EventDocument(
        event_id=state.event_id,
        state="decided" if state.kind else "open",
        outcome=state.kind.value if state.kind else None,
        category=state.category,
        confidence=state.confidence,
        model_version=state.model_version,
        reason=state.reason,
        resolved=state.resolved,
        decided_at=state.decided_at,
    )


async def post_predict(
    request: Request, bearer: Bearer, wanted: Annotated[PredictWanted, Body()], wait: Seconds = _WAIT_S
) -> Response:
    """Answer as the service before this one did: what is on the picture, and how sure that is; 202 if it takes longer."""
    event_id, state = await _gateway(request).predict(wanted, bearer, wait)
    if state is None or state.kind is None:
        return JSONResponse({"event_id": str(event_id), "state": "accepted"}, 202, {"location": f"/v1/events/{event_id}"})
    if state.kind is OutcomeKind.FAILURE or state.category is None or state.confidence is None:
        return Problem(INVALID, f"the picture could not be classified: {state.reason}", "image_url").response()
    answer = PredictAnswer(
        prediction=state.category,
        confidence_score=state.confidence,
        processing_time_ms=state.processing_time_ms or 0.0,
        event_id=event_id,
        needs_review=state.kind is OutcomeKind.REVIEW,
    )
    return JSONResponse(json.loads(answer.model_dump_json()))


async def get_health(request: Request) -> Response:
    """Say whether this gateway takes events, as the service before this one did."""
    gateway = _gateway(request)
    why = gateway.health.why_dead() or gateway.health.why_unready()
    document = {"status": "unhealthy" if why else "healthy", "version": gateway.version} | ({"why": why} if why else {})
    return JSONResponse(document, 503 if why else 200)


async def get_live(request: Request) -> Response:
    """Say whether this process should be replaced."""
    return _plain(_gateway(request).health.why_dead())


async def get_ready(request: Request) -> Response:
    """Say whether requests should be sent here."""
    return _plain(_gateway(request).health.why_unready())


def _plain(why: str) -> Response:
    return PlainTextResponse(f"{why or 'ok'}\n", 503 if why else 200)


async def get_metrics(request: Request) -> Response:
    """Return Prometheus' text format."""
    body, media_type = _gateway(request).metrics()
    return Response(body, media_type=media_type)


async def _refused(_: Request, error: Exception) -> Response:
    return error.problem.response() if isinstance(error, Refused) else Problem(UNFORESEEN).response()


async def _failed(_: Request, error: Exception) -> Response:
    return problem_of(error).response() if isinstance(error, FleetError) else Problem(UNFORESEEN).response()


async def _invalid(_: Request, error: Exception) -> Response:
    rows = error.errors() if isinstance(error, RequestValidationError) else []
    first: Mapping[str, Any] = rows[0] if rows else {"loc": ("body",), "msg": "cannot be read"}
    field = ".".join(str(part) for part in first["loc"][1:] or first["loc"])
    kind = MEDIA if first.get("type") == "model_attributes_type" else INVALID
    return Problem(kind, str(first["msg"]).encode("ascii", "backslashreplace").decode()[:300], field[:100]).response()


async def _http(_: Request, error: Exception) -> Response:
    known = {404: NOT_KNOWN, 405: METHOD, 413: TOO_LARGE, 400: INVALID}
    if not isinstance(error, HTTPException) or error.status_code not in known:
        return Problem(UNFORESEEN).response()
    answer = Problem(known[error.status_code]).response()
    answer.headers.update(error.headers or {})
    return answer


_HANDLERS: dict[type[Exception], Any] = {
    Refused: _refused,
    FleetError: _failed,
    RequestValidationError: _invalid,
    HTTPException: _http,
    Exception: _failed,
}
