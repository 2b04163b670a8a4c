"""An ASGI server that strangers may reach: uvicorn, which cuts off who connects and does not say what he wants."""

import asyncio
import socket
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from contracts.errors import SettingsInvalid

_REQUEST_S = 10.0
"""For a whole request, headers and body; also for a connection's first one to begin."""
_CONNECTIONS = 2000
_BACKLOG = 2048


class ImpatientProtocol(HttpToolsProtocol):
    """Closes a connection whose request is not whole within ten seconds."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def on_message_begin(self) -> None:
        """Give a request its time."""
        self._wait()
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """Stop waiting: what follows is this server's time."""
        self._stop_waiting()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(_REQUEST_S, self._cut)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut(self) -> None:
        self.transport.abort()


def serve(app: ASGIApp, *, host: str, port: int, setting: str, **options: Any) -> None:
    """Serve until told to end; raises SettingsInvalid that names `setting` if the port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SettingsInvalid(f"{setting}: {port} on {host} cannot be listened on: {error.strerror or error}") from None
    open_server(app, host=host, port=port, **options).run(sockets=[listener])


def open_server(app: ASGIApp, *, host: str, port: int, **options: Any) -> uvicorn.Server:
    """Return a server for `run`; it logs nothing by itself and names no software."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=ImpatientProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=5,
        **options,
    )
    return uvicorn.Server(config)
