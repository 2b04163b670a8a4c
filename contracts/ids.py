"""UUIDv7 (RFC 9562): an id that carries the millisecond at which it was made."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def uuid7(made_at: datetime, random: bytes) -> UUID:
    """Return the UUIDv7 of an aware time and ten random bytes (six of their bits give way to version and variant)."""
    milliseconds = (made_at - _EPOCH) // _MILLISECOND
    raw = bytearray(milliseconds.to_bytes(6, "big") + random[:10])
    raw[6] = (raw[6] & 0x0F) | 0x70
    raw[8] = (raw[8] & 0x3F) | 0x80
    return UUID(bytes=bytes(raw))


def made_at(event_id: UUID) -> datetime:
    """Return the time in a UUIDv7, aware, in UTC."""
    return _EPOCH + int.from_bytes(event_id.bytes[:6], "big") * _MILLISECOND
