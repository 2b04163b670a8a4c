"""JSON in and out of the queues, strict where the outside writes it."""

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NoReturn

from pydantic import ValidationError

from contracts.errors import CaptureMistimed, EventInvalid
from contracts.events import ItemCaptured

MAX_EVENT_BYTES = 8 * 1024
MAX_DEPTH = 5
MAX_AGE = timedelta(days=30)
MAX_AHEAD = timedelta(minutes=5)

WHOLE = "event"
"""The field named when the event as a whole is at fault."""

_UNSTORABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def encode_event(event: ItemCaptured) -> bytes:
    """Return the event as the JSON that a device signs and sends; at most `MAX_EVENT_BYTES` or EventInvalid."""
    body = event.model_dump_json(exclude_defaults=False).encode()
    if len(body) > MAX_EVENT_BYTES:
        raise EventInvalid(WHOLE, f"is {len(body)} bytes long, at most {MAX_EVENT_BYTES} are taken")
    return body


def decode_event(body: bytes, now: datetime) -> ItemCaptured:
    """Read what a device sent.

    Raises EventInvalid with the field's name for what is too long, too deep, not JSON, has a key twice, breaks the
    schema, or was captured more than 30 days before or 5 minutes after `now` (aware).
    """
    check_json(body)
    try:
        event = ItemCaptured.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or WHOLE
        raise EventInvalid(field[:100], first["msg"].removeprefix("Value error, ")) from None
    _check_age(event.captured_at, now)
    return event


def check_json(body: bytes) -> object:
    """Return the JSON value of an untrusted body; raises EventInvalid for what a strict reader refuses."""
    if len(body) > MAX_EVENT_BYTES:
        raise EventInvalid(WHOLE, f"is {len(body)} bytes long, at most {MAX_EVENT_BYTES} are taken")
    try:
        value: object = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise EventInvalid(WHOLE, f"is not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise EventInvalid(WHOLE, f"is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise EventInvalid(WHOLE, f"is not JSON: {str(error)[:100]}") from None
    if not isinstance(value, dict):
        raise EventInvalid(WHOLE, "is not a JSON object")
    _check_value(value, WHOLE, 1)
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise EventInvalid(twice[:100], "is given twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise EventInvalid(WHOLE, f"holds {name}, which is not JSON")


def _check_value(value: object, field: str, depth: int) -> None:
    if isinstance(value, str):
        _check_text(value, field)
    elif isinstance(value, float) and not math.isfinite(value):
        raise EventInvalid(field, "is not a finite number")
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise EventInvalid(WHOLE, f"is nested deeper than {MAX_DEPTH} levels")
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for key, member in members:
            _check_text(str(key), field)
            _check_value(member, str(key)[:100] if field == WHOLE else f"{field}.{key}"[:100], depth + 1)


def _check_text(text: str, field: str) -> None:
    # NUL and lone surrogates cannot be stored, and other control characters forge lines in logs and terminals.
    if _UNSTORABLE.search(text):
        raise EventInvalid(field, "holds a control character or half a surrogate pair")


def _check_age(captured_at: datetime, now: datetime) -> None:
    if captured_at < now - MAX_AGE:
        raise CaptureMistimed("captured_at", f"is more than {MAX_AGE.days} days ago: {captured_at.isoformat()}")
    if captured_at > now + MAX_AHEAD:
        raise CaptureMistimed("captured_at", f"is more than 5 minutes ahead: {captured_at.isoformat()}")


def read_claims(body: bytes) -> Mapping[str, str]:
    """Return what a refused event says of itself (event_id, sensor_id, image_url), as far as it can be read and shown."""
    try:
        value = json.loads(body[: MAX_EVENT_BYTES + 1].decode())
    except (ValueError, RecursionError):
        return {}
    if not isinstance(value, dict):
        return {}
    wanted = ("event_id", "sensor_id", "image_url")
    texts = {key: value[key] for key in wanted if isinstance(value.get(key), str)}
    return {key: "".join(char for char in text if char.isprintable())[:256] for key, text in texts.items()}
