"""What stands before the application: how many requests are served at once, and how long each took."""

import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from intake.gateway.problems import BUSY, TOO_LARGE, Problem, Refused

_RETRY_S = 1.0


Observe = Callable[[str, int, float], None]
"""A route, a status and the seconds that it took."""


class Front:
    """Wraps an application and serves up to `most` requests at a time."""

    def __init__(self, app: ASGIApp, observe: Observe, *, most: int, most_bytes: int) -> None:
        """Refuse with 503 what comes beyond `most`, instead of letting it wait without an end; tell `observe` of each.

        A body of more than `most_bytes` is refused with 413, before it is read where its length is told.
        """
        self._app, self._observe, self._most, self._most_bytes, self._serving = app, observe, most, most_bytes, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._serving >= self._most:
            await Problem(BUSY, retry_after_s=_RETRY_S).response()(scope, receive, send)
        elif _told_length(scope) > self._most_bytes:
            await Problem(TOO_LARGE, f"a body has at most {self._most_bytes} bytes").response()(scope, receive, send)
        else:
            self._serving += 1
            try:
                await self._serve(scope, receive, send)
            finally:
                self._serving -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status, left = time.perf_counter(), 500, self._most_bytes

        async def heard(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        async def measured() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise Refused(Problem(TOO_LARGE, f"a body has at most {self._most_bytes} bytes"))
            return message

        try:
            await self._app(scope, measured, heard)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._observe(route, status, time.perf_counter() - began)


def _told_length(scope: Scope) -> int:
    told = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(told) if told.isdigit() else 0
