"""structlog: JSON for machines, columns for a terminal, and nothing in it that forges a line or opens a door."""

import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from math import isfinite
from typing import Any, TextIO

import structlog

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_QUERY = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s?\"'<>]*)\?[^\s\"'<>]*", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@\"']+@", re.IGNORECASE)
_MULTILINE = frozenset({"exception", "stack"})


def clean(text: str) -> str:
    """Return text without URLs' credentials and query strings and without control characters."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", hide_secrets(text))


def hide_secrets(text: str) -> str:
    """Return text in which URLs have lost their credentials and query strings."""
    if "://" not in text:
        return text
    return _CREDENTIALS.sub(r"\1", _QUERY.sub(r"\1?[hidden]", text))


def _clean_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        event[key] = hide_secrets(value) if key in _MULTILINE and isinstance(value, str) else _clean_value(value)
    return event


def _clean_value(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): _clean_value(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_clean_value(member) for member in value]
    if isinstance(value, float) and not isfinite(value):
        return None  # nan is no JSON: who collects the lines would lose this one
    return value


def _namer(role: str) -> Callable[..., MutableMapping[str, Any]]:
    # Not a context variable: threads of a pool would not have it.
    def name(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("role", role)
        return event

    return name


def configure_logging(role: str, level: str = "info", log_format: str = "auto") -> None:
    """Send structlog and the standard library's logging to stderr, one line an event."""
    console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        _namer(role),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _clean_event,
    ]
    renderer: Any = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    _configure_libraries(shared, renderer, number)
    # Past the standard library's logging: a line an event costs half as much that way.
    structlog.configure(
        processors=[*shared, renderer],
        logger_factory=lambda *_: _Lines(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=True,
    )


class _Lines:
    """Where structlog writes. A full disk or a closed terminal must not end what the line tells of."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")
            self._stream.flush()

    log = debug = info = warning = error = critical = exception = msg


def _configure_libraries(shared: list[Any], renderer: Any, level: int) -> None:
    """Have what libraries log come out in the same form."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.PositionalArgumentsFormatter(), *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(capture=True)
    for noisy in ("botocore", "urllib3", "kombu", "celery.worker.strategy", "celery.app.trace", "alembic", "boto3"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, level))
    # Each try to connect is a warning there; whoever waited for a connection is told the last one's reason.
    logging.getLogger("psycopg.pool").setLevel(max(logging.ERROR, level))
