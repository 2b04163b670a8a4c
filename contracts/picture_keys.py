"""Where a bin's picture lies in the object store, whoever puts it there. Pure."""

from datetime import datetime
from uuid import UUID

ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
"""Content type -> a file's ending."""


def picture_key(sensor_id: str, day: datetime, event_id: UUID, ending: str) -> str:
    """Return the key of an event's picture: below its sensor's name, which a device's rights may be bound to."""
    return f"{sensor_id}/{day:%Y/%m/%d}/{event_id}.{ending}"
