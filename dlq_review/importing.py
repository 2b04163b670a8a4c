"""Labels that another tool made: all that can be taken is, and what cannot is said for each."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from contracts.errors import EventInvalid, RequestRefused
from contracts.labels import Effect, NewLabel, Origin
from contracts.review_ports import Labels
from dlq_review.label_studio import Annotation


def import_labels(labels: Labels, annotations: Sequence[Annotation], account_id: UUID) -> tuple[dict[str, int], list[str]]:
    """Add annotations as labels of an account; return how many had which effect, and what was refused and why."""
    effects: dict[str, int] = {effect.value: 0 for effect in Effect}
    refused: list[str] = []
    for one in annotations:
        label = NewLabel(
            one.label_id or uuid5(account_id, one.identity),
            one.event_id,
            account_id,
            one.choice,
            Origin.IMPORT,
            took_ms=one.took_ms,
            labelled_at=one.labelled_at,
        )
        try:
            (effect,) = labels.add([label])
        except (RequestRefused, EventInvalid) as error:
            refused.append(f"{one.event_id}: {error.detail}")
        else:
            effects[effect.value] += 1
    return {effect: count for effect, count in effects.items() if count}, refused
