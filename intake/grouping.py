"""How events share wake-ups: alone one goes out at once, under load one wake-up carries many."""

from collections.abc import Sequence
from uuid import UUID

MAX_IDS = 64


def group(event_ids: Sequence[UUID], shares: int) -> list[Sequence[UUID]]:
    """Split what one batch brought into wake-ups of 1 to 64 ids, about `shares` of them, or as many as it takes.

    What Celery and Postgres cost is per wake-up: about half of what the classification of one event costs.
    """
    size = min(MAX_IDS, max(1, -(-len(event_ids) // max(1, shares))))
    return [event_ids[start : start + size] for start in range(0, len(event_ids), size)]
