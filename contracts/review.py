"""What the review desk shows and asks: items, who holds them, and what is wished for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from contracts.categories import Category
from contracts.errors import RequestRefused
from contracts.labels import Choice
from contracts.names import OUT_OF_DISTRIBUTION
from contracts.outcomes import DeadLetter

LEASE_S = 90.0
"""How long a page that says nothing more holds its items."""
MOST_HELD = 100
"""How many items one person may hold, on all pages together."""
MOST_AT_ONCE = 10_000
"""How many items one action may touch."""


class Lane(StrEnum):
    """Where an item waits: for somebody who knows waste, or for somebody who knows the fleet."""

    REVIEW = "review"
    FAILURES = "failures"


class Order(StrEnum):
    """Which item comes first."""

    INFORMATIVE = "informative"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True)
class Holder:
    """An open page of a person: what holds leases. One person may have two pages."""

    account_id: UUID
    desk: UUID


@dataclass(frozen=True, slots=True)
class Wish:
    """Which items a reviewer wants."""

    order: Order = Order.INFORMATIVE
    sensor_id: str | None = None
    category: Category | None = None
    reason: str | None = None
    event_id: UUID | None = None
    alike: bool = False
    """Those that the model sees most like the first one."""


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A picture that a person is asked about. `scores` are the model's, by category; times are aware, in UTC."""

    event_id: UUID
    reason: str
    sensor_id: str
    image_url: str
    captured_at: datetime
    category: Category
    confidence: float
    scores: Mapping[str, float]
    model_version: str
    decided_at: datetime

    def top(self, count: int = 3) -> Sequence[tuple[str, float]]:
        """Return the categories with the best scores, the best first."""
        return sorted(self.scores.items(), key=lambda pair: -pair[1])[:count]


STATES: Mapping[Lane, Sequence[str]] = {Lane.REVIEW: ("open", "labelled"), Lane.FAILURES: ("open", "redriven", "discarded")}
"""What an item of a lane can be."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which items of a lane are meant; None is any. `text` is looked for in ids, sensors, reasons, details and URLs."""

    lane: Lane
    state: str | None = "open"
    reason: str | None = None
    sensor_id: str | None = None
    category: Category | None = None
    answer: Choice | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None

    def checked(self) -> "Filter":
        """Return the filter; raises RequestRefused for one that nothing can pass, or that would not mean what it says."""
        if self.state is not None and self.state not in STATES[self.lane]:
            raise RequestRefused("state", f"{self.state} is not of the lane {self.lane}, which has {', '.join(STATES[self.lane])}")
        if self.since and self.until and self.since >= self.until:
            raise RequestRefused("until", "is not later than since")
        if self.lane is Lane.FAILURES and (self.category or self.answer):
            raise RequestRefused("category" if self.category else "answer", "is of the review lane: failures have neither")
        return self


def informativeness(letter: DeadLetter) -> float:
    """Return how much a label of an item would teach, in [0, 1].

    1 minus the margin between the two best scores (Scheffer et al. 2001); for what seems to be none of the five the
    margin means nothing, and the outlier score is taken.
    """
    first, second, *_ = [*sorted((letter.scores or {}).values(), reverse=True), *([] if letter.scores else [1.0]), 0.0, 0.0]
    margin = 1.0 - (first - second)
    if letter.reason == OUT_OF_DISTRIBUTION and letter.outlier_score is not None:
        margin = max(margin, letter.outlier_score)
    return min(1.0, max(0.0, margin))
