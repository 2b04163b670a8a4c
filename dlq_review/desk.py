"""All that the review desk works with, in one place, and the rules that need more than one of them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from contracts.accounts import Actor
from contracts.errors import RequestRefused
from contracts.ports import Clock, MessageQueue, Telemetry
from contracts.review import MOST_AT_ONCE, Filter, Holder, ReviewItem, Wish
from contracts.review_ports import (
    Accounts,
    Backlog,
    Browser,
    FailureLane,
    Labels,
    LostLetters,
    Passwords,
    Pictures,
    Quality,
    ReviewLane,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The ports of the review desk, and its settings: shares in [0, 1], rates a second."""

    lane: ReviewLane
    labels: Labels
    browser: Browser
    failures: FailureLane
    accounts: Accounts
    quality: Quality
    backlog: Backlog
    letters: LostLetters
    edge_queue: MessageQueue
    dead_letters: MessageQueue
    clock: Clock
    telemetry: Telemetry
    chance: Callable[[], float]
    gold_share: float = 0.0
    redrive_per_second: float = 50.0
    reviewer_hours_a_day: float = 4.0
    public_url: str = ""
    pictures: Pictures | None = field(default=None, repr=False)
    passwords: Passwords | None = field(default=None, repr=False)

    def take(self, holder: Holder, wish: Wish, count: int) -> list[ReviewItem]:
        """Lease items for a page; now and then one of them is gold, and nothing tells which."""
        wanted = sum(self.chance() < self.gold_share for _ in range(count)) if wish == Wish(order=wish.order) else 0
        gold = self.lane.take_gold(holder, wanted) if wanted else []
        items = self.lane.take(holder, wish, count - len(gold))
        if not items and gold:  # an empty backlog shall look empty
            self.lane.give_back(holder, [item.event_id for item in gold])
            return []
        for item in gold:
            items.insert(math.floor(self.chance() * (len(items) + 1)), item)
        return items

    def chosen(self, wanted: Filter) -> list[UUID]:
        """Return the failures that a filter means; raises RequestRefused if they are more than may be touched at once."""
        ids = self.failures.chosen(wanted, MOST_AT_ONCE + 1)
        if len(ids) > MOST_AT_ONCE:
            raise RequestRefused("filter", f"means more than {MOST_AT_ONCE:,} failures; narrow it by reason, sensor or time")
        return ids

    def redrive(self, event_ids: Sequence[UUID], actor: Actor) -> "Redriven":
        """Open events again, and send refused messages to the door again; repetition changes nothing.

        What did not move was not open any more, or holds nothing that could pass the door.
        """
        messages = self.failures.refused(event_ids)
        if messages:
            # First what a full queue could refuse: then nothing has been changed. Sent, then noted: a crash in between sends
            # twice, which the ledger sees through.
            self.edge_queue.publish([message for _, message in messages])
        sent = self.failures.sent_again([event_id for event_id, _ in messages], actor) if messages else []
        reopened = self.failures.redrive(event_ids, actor, self.redrive_per_second)
        moved = {*reopened, *sent}
        return Redriven(reopened, sent, [one for one in event_ids if one not in moved])


@dataclass(frozen=True, slots=True)
class Redriven:
    """What a redrive did: events that are open again, messages sent to the door again, and what stayed as it was."""

    reopened: list[UUID]
    sent_again: list[UUID]
    left: list[UUID]
