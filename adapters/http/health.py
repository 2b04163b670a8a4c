"""Liveness is progress, readiness is being able to work: two answers for whoever restarts and whoever routes."""

import threading
import time
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from contracts.errors import SettingsInvalid

_STALE_S = 30.0


class Health:
    """What a program knows of its own state. Safe to use from several threads."""

    def __init__(self, *needs: str, excuse: str | None = None) -> None:
        """Be ready only when each of `needs` has been met; while the need `excuse` is not, the main loop may stand still."""
        self._missing = set(needs)
        self._excuse = excuse
        self._ticked_at = time.monotonic()
        self._stalls: list[Callable[[], str]] = []
        self._lock = threading.Lock()

    def tick(self) -> None:
        """Note that the main loop went round."""
        self._ticked_at = time.monotonic()

    def met(self, need: str) -> None:
        """Note that a need is met."""
        with self._lock:
            self._missing.discard(need)

    def lost(self, need: str) -> None:
        """Note that a need is not met (any more)."""
        with self._lock:
            self._missing.add(need)

    def watch(self, stall: Callable[[], str]) -> None:
        """Ask `stall` at every liveness check; a text that is not empty says what does not go on."""
        self._stalls.append(stall)

    def why_dead(self) -> str:
        """Return why this process should be replaced, or nothing."""
        silent_s = time.monotonic() - self._ticked_at
        if silent_s > _STALE_S and self._excuse not in self._missing:
            return f"the main loop has not gone round for {silent_s:.0f} s"
        return next((reason for stall in self._stalls if (reason := stall())), "")

    def why_unready(self) -> str:
        """Return what is missing, or nothing."""
        with self._lock:
            return ", ".join(sorted(self._missing))


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of who connects and then sends nothing."""


class _QuietHandler(WSGIRequestHandler):
    timeout = 5

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: probes come every few seconds."""


def serve_health(health: Health, host: str, port: int) -> Callable[[], None]:
    """Serve /health/live, /health/ready and /metrics from a thread of its own; return what stops it. Port 0 serves none.

    Raises SettingsInvalid where nobody can listen.
    """
    if port == 0:
        return lambda: None
    metrics_app = make_wsgi_app()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO")
        if path == "/metrics":
            return metrics_app(environ, start_response)  # type: ignore[no-any-return]
        answers = {"/health/live": health.why_dead, "/health/ready": health.why_unready}
        if path not in answers:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"not found\n"]
        why = answers[path]()
        start_response("503 Service Unavailable" if why else "200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{why or 'ok'}\n".encode()]

    try:
        server = make_server(host, port, app, server_class=_Server, handler_class=_QuietHandler)
    except (OSError, UnicodeError) as error:
        raise SettingsInvalid(f"HEALTH_PORT: {host}:{port} cannot be listened on: {error}") from None
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return stop
