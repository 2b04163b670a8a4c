"""One picture through the whole fleet, as a bin sends it: a place, an upload, an event, an outcome."""

import json
import os
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any
from uuid import UUID

from contracts.ids import uuid7
from infra.deploy.rollout import DeployFailed

_PATIENCE_S = 30.0


def send(gateway: str, sensor_id: str, token: str, picture: Path, longest_s: float = 120.0) -> str:
    """Send the JPEG `picture` through `gateway` as `sensor_id` and return its outcome's kind.

    Raises DeployFailed when it is refused, or has no outcome within `longest_s`.
    """
    try:
        return _send(gateway, sensor_id, token, picture, longest_s)
    except (ValueError, KeyError, TypeError, HTTPException) as error:
        raise DeployFailed(f"{gateway} answers otherwise than a gateway: {error!r}") from error


def _send(gateway: str, sensor_id: str, token: str, picture: Path, longest_s: float) -> str:
    event_id, data = uuid7(datetime.now(UTC), os.urandom(10)), picture.read_bytes()
    place = _ask(gateway, token, "/v1/uploads", upload_of(sensor_id, event_id, len(data)))
    _open(urllib.request.Request(place["url"], data, {"Content-Type": "image/jpeg"}, method="PUT"))
    _ask(gateway, token, "/v1/events", event_of(sensor_id, event_id, place["image_url"], int(time.time())))
    until = time.monotonic() + longest_s
    while time.monotonic() < until:
        found = _ask(gateway, token, f"/v1/events/{event_id}?wait=10")
        if found.get("outcome"):
            return str(found["outcome"])
    raise DeployFailed(f"the event {event_id} has no outcome after {longest_s:g} s")


def upload_of(sensor_id: str, event_id: UUID, size: int) -> dict[str, object]:
    """Return what asks the gateway for a place for a JPEG of `size` bytes."""
    return {"sensor_id": sensor_id, "event_id": str(event_id), "content_type": "image/jpeg", "size_bytes": size}


def event_of(sensor_id: str, event_id: UUID, image_url: str, sequence: int) -> dict[str, object]:
    """Return the event of a picture that was taken now."""
    head = {"schema_version": 1, "event_id": str(event_id), "sensor_id": sensor_id, "image_url": image_url}
    return {**head, "captured_at": datetime.now(UTC).isoformat(), "sequence": sequence}


def _ask(gateway: str, token: str, path: str, body: object = None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    answer: dict[str, Any] = json.loads(_open(urllib.request.Request(gateway + path, data, headers)))
    return answer


def _open(request: urllib.request.Request) -> bytes:
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
            read: bytes = answer.read(2**20)
            return read
    except urllib.error.HTTPError as error:
        raise DeployFailed(f"{request.host}: {error.code} {error.read(500).decode(errors='replace')}") from error
    except OSError as error:
        raise DeployFailed(f"{request.host}: {error}") from error
