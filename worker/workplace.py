"""What a worker works with, and how it says that it is on its way out."""

from dataclasses import dataclass
from threading import Event
from uuid import UUID

from contracts.models import Serving
from contracts.ports import ImageSource, MessageQueue, Telemetry, WorkerLedger
from worker.classify import ItemClassifier
from worker.isolated import Isolated
from worker.progress import Progress
from worker.turns import Turns


class ShuttingDown(Exception):
    """This worker is asked to end; the wake-up goes back to the queue."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a worker works with."""

    ledger: WorkerLedger
    dead_letters: MessageQueue
    images: ImageSource
    turns: Turns
    classifier: ItemClassifier
    isolated: Isolated
    telemetry: Telemetry
    owner: UUID
    stopping: Event
    progress: Progress
    serving: Serving
