"""structlog: JSON for machines, columns for a terminal, and nothing in it that forges a line, opens a door or fills a disk.

docs/logs.md has every line; docs/logs.schema.json what a machine may rely on.
"""

import atexit
import json
import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from math import isfinite
from typing import Any, TextIO

import structlog

from adapters.telemetry.log_budget import LogBudget

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_QUERY = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s?\"'<>]*)\?[^\s\"'<>]*", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@\"']+@", re.IGNORECASE)
_MULTILINE = frozenset({"exception", "stack"})
_MOST_TEXT, _MOST_TRACEBACK, _MOST_MEMBERS = 2000, 8000, 100
_MOST_LINE, _LAST_TEXT, _LAST_TRACEBACK = 15_000, 200, 2000
"""Docker's log driver cuts a line in two at 16 KB."""


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
        if key in _MULTILINE and isinstance(value, str):
            event[key] = hide_secrets(value)[-_MOST_TRACEBACK:]  # what went wrong stands at its end
        else:
            event[key] = _clean_value(value)
    if isinstance(event_id := event.get("event_id"), str):
        event["trace_id"] = event_id.replace("-", "")
    return event


def _clean_value(value: Any) -> Any:
    """Return a value as collectors of logs take it: no deeper than one level, and no longer than people read."""
    if isinstance(value, str):
        return _cut(clean(value))
    if isinstance(value, Mapping):
        return {clean(str(key)[:100]): _flat(member) for key, member in list(value.items())[:_MOST_MEMBERS]}
    if isinstance(value, list | tuple):
        return [_flat(member) for member in value[:_MOST_MEMBERS]]
    if isinstance(value, float) and not isfinite(value):
        return None  # nan is no JSON: who collects the lines would lose this one
    return value if isinstance(value, bool | int | float | None) else _cut(clean(str(value)))


def _flat(member: Any) -> Any:
    """Return a member of a value; one that has members itself as text."""
    return _cut(json.dumps(_safe(member), default=str)) if isinstance(member, Mapping | list | tuple) else _clean_value(member)


def _safe(member: Any) -> Any:
    if isinstance(member, Mapping):
        return {clean(str(key)): _safe(value) for key, value in member.items()}
    if isinstance(member, list | tuple):
        return [_safe(value) for value in member]
    return clean(member) if isinstance(member, str) else member


def _json(event: Mapping[str, Any], **_: Any) -> str:
    line = json.dumps(event, default=str)
    return line if len(line) <= _MOST_LINE else json.dumps({key: _last_cut(key, value) for key, value in event.items()})


def _last_cut(key: str, value: Any) -> Any:
    if key in _MULTILINE and isinstance(value, str):
        return value[-_LAST_TRACEBACK:]
    if isinstance(value, bool | int | float | None):
        return value
    return {"cut": f"{len(value)} members"} if isinstance(value, Mapping) else str(value)[:_LAST_TEXT]


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}... ({len(text)} letters)"


def _namer(role: str) -> Callable[..., MutableMapping[str, Any]]:
    # Not a context variable: threads of a pool would not have it.
    def name(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("role", role)
        return event

    return name


def configure_logging(role: str, level: str = "info", log_format: str = "auto", events_per_s: float = 0.0) -> None:
    """Send structlog and the standard library's logging to stderr, one line an event.

    `events_per_s` bounds the lines of level info that are about a single event; 0: all are written.
    """
    console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        _namer(role),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _clean_event,
    ]
    renderer: Any = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer(_json)
    _configure_libraries(shared, renderer, number)
    # Past the standard library's logging: a line an event costs half as much that way.
    structlog.configure(
        processors=[*_budget(events_per_s), *shared, renderer],
        logger_factory=lambda *_: _Lines(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=True,
    )


def _budget(events_per_s: float) -> list[LogBudget]:
    if not events_per_s:
        return []
    budget = LogBudget(events_per_s, lambda number: structlog.get_logger("waste").info("lines_left_out", number=number))
    atexit.register(budget.tell)
    return [budget]


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
