"""What is wrong with a request, as RFC 9457 problem documents: a program reads `type`, a person reads `detail`."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from contracts.errors import (
    CaptureMistimed,
    CredentialRevoked,
    EventConflict,
    EventInvalid,
    FleetError,
    ImageForbidden,
    LedgerUnavailable,
    QueueFull,
    QueueUnavailable,
    SignatureInvalid,
)

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:waste-fleet:problem:"
_RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A problem that this gateway can have with a request. Names and statuses are stable."""

    name: str
    status: int
    title: str


NOT_SIGNED = Kind("not-signed", 401, "The request proves no identity")
NOT_YOURS = Kind("not-yours", 403, "This credential does not speak for that sensor")
URL_BLOCKED = Kind("url-blocked", 403, "The image_url points where the fleet does not fetch")
NOT_KNOWN = Kind("not-known", 404, "There is no such thing here")
METHOD = Kind("method-not-allowed", 405, "That cannot be done here")
CONFLICT = Kind("event-conflict", 409, "This event_id came before with another content")
TOO_LARGE = Kind("too-large", 413, "The body is too large")
MEDIA = Kind("media-type", 415, "The body is not application/json")
INVALID = Kind("invalid", 422, "The request cannot be taken as it is")
CLOCK = Kind("clock", 409, "The time is not one at which this can have been captured")
TOO_FAST = Kind("too-fast", 429, "More events than agreed")
BUSY = Kind("busy", 503, "The gateway has as many requests as it can hold")
OVERLOADED = Kind("overloaded", 503, "The fleet has as many events as it can hold")
AWAY = Kind("away", 503, "What this needs cannot be reached")
UNFORESEEN = Kind("unforeseen", 500, "Something went wrong that nobody foresaw")

_OF_ERRORS: Mapping[type[FleetError], Kind] = {
    CredentialRevoked: NOT_SIGNED,
    SignatureInvalid: NOT_SIGNED,
    ImageForbidden: URL_BLOCKED,
    EventConflict: CONFLICT,
    CaptureMistimed: CLOCK,
    EventInvalid: INVALID,
    QueueFull: OVERLOADED,
    QueueUnavailable: AWAY,
    LedgerUnavailable: AWAY,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem with one request or one event of a batch; `field` names what is at fault."""

    kind: Kind
    detail: str = ""
    field: str | None = None
    retry_after_s: float | None = None

    def document(self) -> dict[str, object]:
        """Return the members of the problem document."""
        members = {
            "type": _TYPE + self.kind.name,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail or self.kind.title,
            "field": self.field,
            "retry_after_s": None if self.retry_after_s is None else round(self.retry_after_s, 3),
        }
        return {name: value for name, value in members.items() if value is not None}

    def response(self, **more: object) -> Response:
        """Return the answer; `more` are members of its document beside those of every problem."""
        headers = {"www-authenticate": 'Bearer realm="waste-fleet"'} if self.kind is NOT_SIGNED else {}
        if self.retry_after_s is not None:
            headers["retry-after"] = str(max(1, -int(-self.retry_after_s // 1)))
        return JSONResponse(self.document() | more, self.kind.status, headers, MEDIA_TYPE)


class Refused(Exception):
    """Ends a request with a problem."""

    def __init__(self, problem: Problem) -> None:
        """Answer with `problem`."""
        self.problem = problem
        super().__init__(problem.detail)


def problem_of(error: FleetError) -> Problem:
    """Return what an error of the fleet means to who asked."""
    kind = next((kind for cause, kind in _OF_ERRORS.items() if isinstance(error, cause)), UNFORESEEN)
    if isinstance(error, EventInvalid):
        return Problem(kind, error.detail, error.field)
    if kind.status == AWAY.status:
        return Problem(kind, "Nothing was lost; send it again", retry_after_s=_RETRY_S)
    return Problem(kind, "" if kind is UNFORESEEN else error.detail, "image_url" if kind is URL_BLOCKED else None)
