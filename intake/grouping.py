"""How events share wake-ups: alone one goes out at once, under load one wake-up carries many."""

from collections.abc import Sequence
from uuid import UUID

MAX_IDS = 64
_SHARES = 8


def group(event_ids: Sequence[UUID]) -> list[Sequence[UUID]]:
    """Split what one batch brought into wake-ups: about eight of them, each with 1 to 64 ids.

    A small batch is spread so that all workers get some; a full one costs Celery and Postgres little per event.
    """
    size = min(MAX_IDS, max(1, -(-len(event_ids) // _SHARES)))
    return [event_ids[start : start + size] for start in range(0, len(event_ids), size)]
