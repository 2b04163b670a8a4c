"""What the fleet tells of itself: facts in the past tense, rendered as log lines and metrics by `adapters.telemetry.facts`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from contracts.ledger import AcceptedEvent
from contracts.messages import Received
from contracts.names import OutcomeKind
from contracts.outcomes import DeadLetter, Outcome
from contracts.traces import Stretch


@dataclass(frozen=True, slots=True)
class EventSent:
    """A bin's event was taken by the queue or the gateway; `uploaded` is None where its picture went in an earlier run."""

    event_id: UUID
    sensor_id: str
    uploaded: Stretch | None
    published: Stretch


@dataclass(frozen=True, slots=True)
class EventForwarded:
    """The gateway put an event on the edge queue; `traceparent` is what came with it."""

    event_id: UUID
    sensor_id: str
    traceparent: str | None
    published: Stretch


@dataclass(frozen=True, slots=True)
class EventsEntered:
    """Intake brought messages into the ledger: those in `new` are open from now on. `woken` is None if no wake-up could be sent."""

    entered: Sequence[tuple[Received, AcceptedEvent]]
    new: Collection[UUID]
    received_at: float
    accepted: Stretch
    woken: Stretch | None


@dataclass(frozen=True, slots=True)
class BatchAccepted:
    """Intake wrote a batch into the ledger. `waited_s` is the time of its oldest message on the edge queue."""

    new: int
    repeated: int
    conflicting: int
    refused: int
    wake_ups: int
    waited_s: float


@dataclass(frozen=True, slots=True)
class EventRefused:
    """A message was refused at the door, at a time of `time.perf_counter()`, and became a failure outcome of its own."""

    event_id: UUID
    reason: str
    detail: str
    sensor_id: str | None
    at: float


@dataclass(frozen=True, slots=True)
class ItemDecided:
    """A worker wrote an event's one outcome, `waited_s` after the event was accepted."""

    outcome: Outcome
    waited_s: float
    way: "Way | None" = None


@dataclass(frozen=True, slots=True)
class Steps:
    """When a worker fetched, decoded and classified a picture; None for what it did not come to."""

    fetched: Stretch | None = None
    decoded: Stretch | None = None
    inferred: Stretch | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """Where an attempt's time went: the claim, the steps, and the ledger's statement at its end."""

    claimed: Stretch
    steps: Steps
    recorded: Stretch


@dataclass(frozen=True, slots=True)
class OutcomeRepeated:
    """Somebody else had written the outcome first; the primary key refused this one."""

    event_id: UUID
    kind: OutcomeKind


@dataclass(frozen=True, slots=True)
class WakeUpTaken:
    """A worker claimed what a wake-up named and was open and free."""

    events: int


@dataclass(frozen=True, slots=True)
class ModelLoaded:
    """A model is there to decide with, `took_s` after it was asked for; `found` is where its file lay: disk or store."""

    version: str
    took_s: float
    found: str


@dataclass(frozen=True, slots=True)
class ShiftMeasured:
    """How far something (`of`) is from what it was in the weeks before, and from where on that is a warning."""

    of: str
    distance: float
    limit: float


@dataclass(frozen=True, slots=True)
class ItemPostponed:
    """An event will be tried again after `delay_s`."""

    event_id: UUID
    sensor_id: str
    attempt: int
    reason: str
    detail: str
    delay_s: float
    way: Way | None = None


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """A claim found the lease of a holder that vanished."""

    event_id: UUID
    losses: int


@dataclass(frozen=True, slots=True)
class WakeUpsRepublished:
    """The reconciler woke events again: because they were due, abandoned or passed over."""

    cause: str
    event_ids: Sequence[UUID]
    published: Stretch


@dataclass(frozen=True, slots=True)
class DeadLettersPublished:
    """Dead letters were put on their queue."""

    letters: Sequence[DeadLetter]
    published: Stretch
    late: bool = False


@dataclass(frozen=True, slots=True)
class DeadLettersFiled:
    """Dead letters were moved to the review desk."""

    letters: Sequence[DeadLetter]
    new: int
    received_at: float
    filed: Stretch


@dataclass(frozen=True, slots=True)
class DependencyLost:
    """The fleet's own database, queue or model is away; nothing is pulled until it is back."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class DependencyBack:
    """What was away answers again, after `away_s`."""

    reason: str
    away_s: float


@dataclass(frozen=True, slots=True)
class AuditSampled:
    """Confident predictions were chosen by chance for people to look at."""

    count: int


@dataclass(frozen=True, slots=True)
class PolicyViolated:
    """A browser reports that a page of the desk tried what its policy forbids."""

    report: str


@dataclass(frozen=True, slots=True)
class AccuracyWatched:
    """How often the fleet is right (in [0, 1], nan without labels), what one would expect, and what speaks against the baseline."""

    value: float
    low: float
    high: float
    labels: int
    expected: float
    strength: float


@dataclass(frozen=True, slots=True)
class AlertOpened:
    """People have to look at something."""

    kind: str
    subject: str
    evidence: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AlertClosed:
    """What people had to look at is over."""

    kind: str
    subject: str


@dataclass(frozen=True, slots=True)
class ModelsInForce:
    """A worker has brought a plan into force."""

    revision: int
    champion: str
    canary: str | None
    shadow: str | None


@dataclass(frozen=True, slots=True)
class ModelNotLoaded:
    """A worker could not load what is planned and goes on with the models that it has."""

    revision: int
    problem: str


@dataclass(frozen=True, slots=True)
class ModelUnfit:
    """A worker found a model on trial unfit and asks it no more."""

    version: str
    why: str


@dataclass(frozen=True, slots=True)
class ModelMoved:
    """A model was moved by the rule of the rollout."""

    version: str
    before: str
    after: str
    why: str


@dataclass(frozen=True, slots=True)
class TrainingEnded:
    """A training ended in a state, and why."""

    training_id: str
    state: str
    why: str


Fact: TypeAlias = (
    AccuracyWatched
    | AlertOpened
    | AlertClosed
    | BatchAccepted
    | EventForwarded
    | EventRefused
    | EventsEntered
    | EventSent
    | ItemDecided
    | OutcomeRepeated
    | ItemPostponed
    | LeaseLost
    | WakeUpsRepublished
    | DeadLettersPublished
    | DeadLettersFiled
    | AuditSampled
    | ModelsInForce
    | ModelMoved
    | ModelLoaded
    | ModelNotLoaded
    | ShiftMeasured
    | WakeUpTaken
    | TrainingEnded
    | ModelUnfit
    | PolicyViolated
    | DependencyLost
    | DependencyBack
)
