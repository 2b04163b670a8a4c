"""The bytes that are sent for an event. Pure."""

import json
from datetime import datetime

from contracts.codec import encode_event
from contracts.events import ItemCaptured
from contracts.names import SCHEMA_VERSION
from producer.edge.clocks import MEASURED, as_datetime
from producer.edge.tables import Kept


def body_of(kept: Kept, sensor_id: str, image_url: str, at_s: float, known: str) -> bytes:
    """Return an event's bytes; `known` is how its time `at_s` (Unix time) is known."""
    marks: dict[str, object] = {} if known == MEASURED else {"clock": known}
    if kept.near:
        marks["near_duplicate"] = True
    return encode_event(
        ItemCaptured(
            schema_version=SCHEMA_VERSION,
            event_id=kept.event_id,
            sensor_id=sensor_id,
            image_url=image_url,
            captured_at=as_datetime(at_s),
            sequence=kept.sequence,
            attributes=marks,
        )
    )


def is_sound(kept: Kept, sensor_id: str, body: bytes) -> bool:
    """Return whether bytes that were kept for an event are still its own."""
    try:
        found = json.loads(body)
        return found["event_id"] == str(kept.event_id) and found["sensor_id"] == sensor_id and captured_s(body) > 0
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def captured_s(body: bytes) -> float:
    """Return the time of capture that an event was sent with (Unix time)."""
    return datetime.fromisoformat(json.loads(body)["captured_at"]).timestamp()
