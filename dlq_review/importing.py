"""Labels that another tool made: all that can be taken is, and what cannot is said for each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from contracts.errors import EventInvalid, RequestRefused
from contracts.labels import Effect, NewLabel, Origin
from contracts.review_ports import Labels
from dlq_review.label_studio import Annotation

_ANNOTATIONS = UUID("5b0c3c5e-6f0e-5b7b-9a55-0d3d3a1f9b52")


@dataclass(slots=True)
class Imported:
    """What an import did: labels by their effect, what was refused and why, and events whose answer stands against another."""

    effects: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    differing: list[UUID] = field(default_factory=list)


def import_labels(labels: Labels, annotations: Sequence[Annotation], account_id: UUID) -> Imported:
    """Add annotations as labels of an account. Importing them again changes nothing."""
    done = Imported()
    for one in annotations:
        label_id = one.label_id or uuid5(_ANNOTATIONS if one.unique else account_id, one.identity)
        label = NewLabel(
            label_id, one.event_id, account_id, one.choice, Origin.IMPORT, took_ms=one.took_ms, labelled_at=one.labelled_at
        )
        try:
            (effect,) = labels.add([label])
        except (RequestRefused, EventInvalid) as error:
            done.refused.append(f"{one.event_id}: {error.detail}")
            continue
        done.effects[effect.value] += 1
        if effect is Effect.DIFFERS:
            done.differing.append(one.event_id)
    return done
