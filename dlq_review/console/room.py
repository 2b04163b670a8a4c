"""All that the console works with, in one place."""

from collections.abc import Callable
from dataclasses import dataclass, field

from contracts.console import ConsoleBook
from contracts.fleet import FleetStatus
from contracts.history import History
from contracts.models import Registry
from contracts.story import Stories
from contracts.trainings import Trainings
from dlq_review.console.lately import Lately

BASELINE = 0.85
"""The accuracy that the fleet is held to, unless it is told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The ports of the console beside those of the desk; `fleet` returns the fleet's state and raises LedgerUnavailable.

    `logs_url` is where log lines are searched and `traces_url` where traces are shown, with {event_id} or {trace_id} in them;
    empty: nobody has said.
    """

    history: History
    book: ConsoleBook
    fleet: Callable[[], FleetStatus]
    stories: Stories
    registry: Registry
    trainings: Trainings
    baseline: float = BASELINE
    logs_url: str = ""
    traces_url: str = ""
    lately: Lately = field(default_factory=Lately)
