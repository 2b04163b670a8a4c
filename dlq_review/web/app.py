"""The application: routes, what every answer carries, and what errors look like to people and to programs."""

import time
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from contracts.errors import EventInvalid, FleetError, Infrastructure, LoginRefused, LoginsTooMany, RequestRefused
from contracts.facts import DependencyLost, PolicyViolated
from dlq_review.console import events, fleet, model, rollout, search, sensors
from dlq_review.console.room import Room
from dlq_review.desk import Desk
from dlq_review.text import plain
from dlq_review.web import api, entering, failing, grid, looking, people, reviewing
from dlq_review.web.headers import Guarded
from dlq_review.web.pages import STATIC, render
from dlq_review.web.pulse import Pulse
from dlq_review.web.visitors import Doors, NotAllowed, NotMeant, NotSignedIn
from dlq_review.web.wording import LABELS, sentence, sentences

_MOST_REPORT = 2000
_MOST_REPORTS_A_MINUTE = 60
_MOST_BYTES = 8 * 2**20


def create_app(desk: Desk, room: Room, doors: Doors, *, hosts: list[str], pulse: Pulse | None = None) -> ASGIApp:
    """Return the ASGI application of the desk and the console; it answers only to the names in `hosts`, against DNS rebinding."""
    app = FastAPI(
        title="waste-fleet review desk",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        max_body_size=_MOST_BYTES,
        lifespan=pulse.beating if pulse else None,
    )
    app.state.desk, app.state.room, app.state.doors = desk, room, doors
    for page in (entering, reviewing, grid, failing, looking, people, api, rollout, search):
        app.include_router(page.router)
    for figures in (fleet, model, sensors, events):
        app.include_router(figures.page_router)
        app.include_router(figures.api_router)
    app.mount("/static", _Static(directory=STATIC), name="static")
    app.add_api_route("/csp-reports", _report, methods=["POST"], include_in_schema=False)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)
    return Guarded(app, https=doors.https)


class _Static(StaticFiles):
    """Files of the package: kept by browsers, and asked for anew only if they have changed."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        """Return a file, or that it has not changed."""
        answer = super().file_response(*arguments, **options)
        answer.headers["cache-control"] = "no-cache"
        return answer


async def _report(request: Request) -> Response:
    body = (await request.body())[:_MOST_REPORT]
    minute = int(time.monotonic() // 60)
    counted, told = getattr(request.app.state, "reports", (minute, 0))
    request.app.state.reports = (minute, told + 1 if counted == minute else 1)
    if request.app.state.reports[1] > _MOST_REPORTS_A_MINUTE:
        return Response(status_code=429)
    request.app.state.desk.telemetry.emit(PolicyViolated(plain(body.decode(errors="replace"), _MOST_REPORT)))
    return Response(status_code=204)


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith("/api/") or "application/json" in request.headers.get("content-type", "")


def _say(request: Request, status: int, title: str, problem: str) -> Response:
    if _wants_json(request) or request.url.path.startswith("/pictures/"):
        return JSONResponse({"error": problem}, status)
    return render(request, "problem.html", None, status, title=title, problem=problem)


def _not_signed_in(request: Request, _: Exception) -> Response:
    if request.headers.get("authorization"):
        said = "The token is not known, has ended, or its account is locked; a new password or role ends an account's tokens."
        return JSONResponse({"error": said}, 401, {"www-authenticate": "Bearer"})
    if _wants_json(request) or request.method != "GET" or request.url.path.startswith("/pictures/"):
        return _say(request, 401, "Signed out", "Nobody is signed in. Nothing was changed. Sign in, and do it once more.")
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(request.url_for("enter").include_query_params(next=target).replace(scheme="", netloc=""), 303)


def _not_allowed(request: Request, _: Exception) -> Response:
    return _say(request, 403, "Not for this role", "Your role does not cover this. An admin can change that.")


def _not_meant(request: Request, _: Exception) -> Response:
    return _say(request, 403, "Not from this page", "The request did not come from a page of this desk, or the page is of an "
                "earlier sign-in. Nothing was changed. Load the page again and repeat it.")  # fmt: skip


def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, RequestRefused):
        said = f"{error.field} {error.problem}." if _wants_json(request) else sentence(error)
        return _say(request, 422, "That cannot be done", said)
    return _say(request, 422, "That cannot be stored", f"{error.detail}." if isinstance(error, FleetError) else "")


def _not_known(request: Request, error: Exception) -> Response:
    said = error.detail if isinstance(error, FleetError) else ""
    return _say(request, 429 if isinstance(error, LoginsTooMany) else 403, "That is not right", said)


def _away(request: Request, error: Exception) -> Response:
    fault: Any = error
    request.app.state.desk.telemetry.emit(DependencyLost(fault.reason, fault.detail))
    return _say(request, 503, "Not now", "The database or a queue cannot be reached. Nothing was changed; try again in a moment.")


def _invalid(request: Request, error: Exception) -> Response:
    rows = error.errors() if isinstance(error, RequestValidationError | ValidationError) else []
    if _wants_json(request):
        return _say(request, 422, "", sentences(rows))
    return _say(request, 422, "That cannot be read", f"{sentences(rows, LABELS)} Nothing was changed.")


def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    known = {404: "There is no such page.", 405: "That cannot be done here."}
    return _say(request, status, "Not here", known.get(status, "The request cannot be answered."))


def _unforeseen(request: Request, _: Exception) -> Response:
    return _say(request, 500, "Not foreseen", "Something went wrong here that nobody foresaw; it is in the log.")


_HANDLERS: dict[type[Exception], Any] = {
    NotSignedIn: _not_signed_in,
    NotAllowed: _not_allowed,
    NotMeant: _not_meant,
    RequestRefused: _refused,
    LoginRefused: _not_known,
    LoginsTooMany: _not_known,
    EventInvalid: _refused,
    Infrastructure: _away,
    RequestValidationError: _invalid,
    ValidationError: _invalid,
    HTTPException: _http,
    Exception: _unforeseen,
}
