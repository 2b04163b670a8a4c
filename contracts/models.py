"""Which models there are and which are in force. Pure.

A champion decides, a canary decides for some sensors, a shadow only says what it would have decided.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from contracts.categories import Category
from contracts.names import OutcomeKind


class ModelState(StrEnum):
    """Where a model stands."""

    CANDIDATE = "candidate"
    SHADOW = "shadow"
    CANARY = "canary"
    CHAMPION = "champion"
    RETIRED = "retired"


ON_TRIAL = (ModelState.SHADOW, ModelState.CANARY)
MOST_MODEL_BYTES = 200 * 2**20


def model_key(sha256: str) -> str:
    """Return the key of a model's file in the object store; `sha256` in hexadecimal."""
    return f"models/{sha256}.onnx"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model's version, the SHA-256 (hex) of its file, and where in the object store that lies."""

    version: str
    sha256: str
    object_key: str


@dataclass(frozen=True, slots=True)
class ServingPlan:
    """What workers have to serve. Without a champion they use the model that they came with.

    The canary decides for the sensors whose place is under `canary_cut`, which are `canary_share` of the events; the shadow
    scores the pictures of `shadow_share` of the others.
    """

    revision: int = 0
    champion: ModelFile | None = None
    canary: ModelFile | None = None
    shadow: ModelFile | None = None
    canary_share: float = 0.1
    canary_cut: float = 0.1
    shadow_share: float = 0.2


@dataclass(frozen=True, slots=True)
class Served:
    """What a worker has in force: its champion's version, the revision of the plan, and why it is not another one."""

    version: str
    revision: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What another model than the deciding one says of an event; `kind` is how the event would have ended."""

    event_id: UUID
    model_version: str
    category: Category
    confidence: float
    kind: OutcomeKind
    inference_ms: float


def place_of(sensor_id: str, model_version: str) -> float:
    """Return where a sensor stands in the trial of a model, evenly in [0, 1): it takes part if that is under the cut.

    Each model is tried on other sensors, so that no bin is always the first.
    """
    digest = hashlib.sha256(f"{model_version}\n{sensor_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def cut_for(share: float, traffic: Mapping[str, int], model_version: str) -> float:
    """Return the cut under which the sensors of `traffic` (events of each) send as nearly as can be `share` of the events.

    With few sensors, or with some that send much more than others, the share itself would be several points off as a cut.
    """
    places = sorted((place_of(sensor, model_version), events) for sensor, events in traffic.items())
    total, sent, best, cut = sum(traffic.values()), 0, share, 0.0
    if not total:
        return share
    for place, events in places:
        sent += events
        if abs(sent / total - share) < best:
            # Just above this sensor: how the unknown ones between it and the next are counted is all the same.
            best, cut = abs(sent / total - share), math.nextafter(place, 2)
    return cut


class Serving(Protocol):
    """The registry as a worker sees it. Raises LedgerUnavailable."""

    def plan(self) -> ServingPlan:
        """Return what is to be served."""

    def withdraw(self, version: str, who: str, why: str, evidence: Mapping[str, object]) -> bool:
        """Retire a model on trial; False if it is not on trial any more."""

    def keep_opinions(self, opinions: Sequence[SecondOpinion]) -> None:
        """Keep second opinions, each once."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the registry. `facts` is what its file says of itself, `metrics` what its examination gave."""

    file: ModelFile
    state: ModelState
    size_bytes: int
    facts: Mapping[str, object]
    added_by: str
    added_at: datetime
    metrics: Mapping[str, object] = field(default_factory=dict)
    snapshot_id: str | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A model went from one state to another."""

    version: str
    before: str
    after: str
    acted_at: datetime
    actor: str
    because: str
    evidence: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class NewModel:
    """A model that comes into the registry as a candidate."""

    file: ModelFile
    size_bytes: int
    facts: Mapping[str, object]
    added_by: str
    metrics: Mapping[str, object] = field(default_factory=dict)
    snapshot_id: str | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What a live worker serves."""

    host: str
    pid: int
    model_version: str
    revision: int
    problem: str


class Registry(Protocol):
    """The registry as those see it who own the models. Raises LedgerUnavailable."""

    def add(self, model: NewModel) -> bool:
        """Add a candidate; False if it is there already, and raises ModelRefused if its version or file is another's."""

    def models(self) -> list[Model]:
        """Return all models, the newest first."""

    def moves(self, version: str | None = None, limit: int = 100) -> list[Move]:
        """Return the last moves, of one model or of all, the newest first."""

    def move(
        self,
        version: str,
        expected: ModelState,
        target: ModelState,
        who: str,
        why: str,
        evidence: Mapping[str, object],
        *,
        instead_of: str | None = None,
    ) -> bool:
        """Move a model, retiring what it replaces; False if it is not in the state that is expected.

        False, too, if it would replace another than `instead_of`; empty: nothing, None: whichever.
        """

    def roll_back(self, who: str, why: str, of: str | None = None) -> tuple[str, str | None] | None:
        """Retire the champion and bring back the one before; return both, the latter None if there is none.

        None without any champion, or if it is not `of`.
        """

    def plan(self) -> ServingPlan:
        """Return what is to be served."""

    def pinned_by(self) -> str | None:
        """Return who has asked that nothing moves by itself."""

    def pin(self, who: str | None) -> None:
        """Have nothing move by itself, or, with None, again."""

    def set_shares(self, canary: float | None = None, shadow: float | None = None) -> None:
        """Set the shares of sensors, canary in [0.01, 0.5], shadow in [0, 1]."""

    def workers(self) -> list[WorkerState]:
        """Return what live workers serve."""
