"""What people say of a picture, and what follows when several have spoken. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from contracts.categories import CATEGORIES, Category


class Choice(StrEnum):
    """The answers a person can give, in the order of their keys: the five categories, and what is none of them."""

    PLASTIC = "plastic"
    PAPER = "paper"
    GLASS = "glass"
    METAL = "metal"
    ORGANIC = "organic"
    EMPTY = "empty"
    SEVERAL = "several"
    CANNOT_TELL = "cannot_tell"

    @property
    def category(self) -> Category | None:
        """The category that it names, if it names one."""
        return Category(self.value) if self.value in CATEGORIES else None


class Origin(StrEnum):
    """Through what a label came in."""

    DESK = "desk"
    GRID = "grid"
    API = "api"
    CLI = "cli"
    IMPORT = "import"


class Purpose(StrEnum):
    """What a label was asked for: `gold` judges the reviewer; `late` came after the item was closed, `early` before it came."""

    REVIEW = "review"
    GOLD = "gold"
    LATE = "late"
    EARLY = "early"


class Effect(StrEnum):
    """What a label changed."""

    CLOSED = "closed"
    COUNTED = "counted"
    """It stands, and the item waits for another person's."""
    KEPT = "kept"
    """It stands beside the answer that closed the item before."""
    REOPENED = "reopened"
    REPEATED = "repeated"
    """Nothing: this label, or this person's same answer on this item, was there before."""
    DIFFERS = "differs"
    """Nothing: this person gave another answer on this item before, and a correction has to name the label it replaces."""


SAID = {
    Effect.CLOSED: "the item has its answer",
    Effect.COUNTED: "the answer stands, and the item waits for another person's or has not come yet",
    Effect.KEPT: "the item was closed before; the answer is kept beside the one that closed it",
    Effect.REOPENED: "the item has no answer any more and waits again",
    Effect.REPEATED: "nothing changed, the same answer was there",
    Effect.DIFFERS: "nothing changed, another answer of this person stands",
}
"""What an effect means, for people."""


@dataclass(frozen=True, slots=True)
class NewLabel:
    """A label on its way in.

    `label_id` is made by the sender, so that sending twice changes nothing. `choice` None takes back the label that
    `replaces` names; with a choice it corrects it. `took_ms` runs from the picture's appearance to the answer.
    """

    label_id: UUID
    event_id: UUID
    account_id: UUID
    choice: Choice | None
    origin: Origin
    replaces: UUID | None = None
    took_ms: int | None = None
    labelled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """What an item's labels amount to: the answer that closes it, or None while it wants more; and how many it now wants."""

    answer: Choice | None
    wanted: int


MOST_OPINIONS = 3


def resolve(choices: Sequence[Choice], wanted: int) -> Resolution:
    """Return what the standing labels of different people amount to.

    Whoever disagree are joined by one more, up to `MOST_OPINIONS`; three that agree on nothing cannot tell.
    """
    if len(choices) < wanted:
        return Resolution(None, wanted)
    answer, votes = Counter(choices).most_common(1)[0]
    if votes * 2 > len(choices):
        return Resolution(answer, wanted)
    if len(choices) < MOST_OPINIONS:
        return Resolution(None, len(choices) + 1)
    return Resolution(Choice.CANNOT_TELL, wanted)
