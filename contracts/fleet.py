"""The state of the fleet: its workers, what waits for them, and how fast events come and go. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker as its last heartbeat has it.

    `silent_s` is the age of that heartbeat by the ledger's clock, `up_s` that of the worker; `alive` that its leases still hold.
    `events_per_s` is what it decides in a second in which it has a wake-up in hand; 0: not measured yet.
    """

    owner: UUID
    host: str
    pid: int
    version: str
    model_version: str
    model_problem: str
    revision: int
    started_at: datetime
    heartbeat_at: datetime
    up_s: float
    silent_s: float
    alive: bool
    draining: bool
    decided_last_minute: int
    events_per_s: float


@dataclass(frozen=True, slots=True)
class Flow:
    """Events in the ledger. Rates are events a second over the last minute and the last five.

    `waiting` are due and in nobody's hands, `in_flight` under a lease, `later` to be tried again at a set time; `oldest_s` is how
    long ago the oldest of the first two was received, None if there is none.
    """

    waiting: int
    in_flight: int
    later: int
    oldest_s: float | None
    in_1m: float
    in_5m: float
    out_1m: float
    out_5m: float


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """All of it.

    `on_edge_queue` counts events that are not in the ledger yet; None: that queue did not answer.

    `edge_oldest_s` is the age of the oldest of them, in seconds; None where there is none, or the queue does not tell (SQS).
    """

    flow: Flow
    workers: Sequence[WorkerState]
    revision: int
    on_edge_queue: int | None = None
    edge_oldest_s: float | None = None

    @property
    def working(self) -> list[WorkerState]:
        """Workers that live and take wake-ups."""
        return [worker for worker in self.workers if worker.alive and not worker.draining]

    @property
    def backlog(self) -> int:
        """Events that wait, on the edge queue and in the ledger, or are in flight."""
        return self.flow.waiting + self.flow.in_flight + (self.on_edge_queue or 0)

    @property
    def oldest_s(self) -> float | None:
        """The age of the oldest event of the backlog in seconds, as far as it is known."""
        return max((age for age in (self.flow.oldest_s, self.edge_oldest_s) if age is not None), default=None)

    @property
    def worker_events_per_s(self) -> float:
        """What one worker decides in a second of work: the mean of those that have measured it; 0 if none has."""
        rates = [worker.events_per_s for worker in self.working if worker.events_per_s > 0]
        return sum(rates) / len(rates) if rates else 0.0

    @property
    def backlog_s(self) -> float:
        """Seconds until the backlog is decided, were nothing to come.

        By the rate out or what the workers have measured of themselves, whichever is larger: at little load few events go out
        because few come in. With neither, it has the age of its oldest event.
        """
        if not self.backlog:
            return 0.0
        rate = max(self.flow.out_1m, self.worker_events_per_s * len(self.working))
        return self.backlog / rate if rate > 0 else self.oldest_s or 0.0
