"""The thread that keeps a worker's leases, and ends the process when something in it hangs."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from contracts.errors import LedgerUnavailable
from contracts.ledger import WorkerPulse
from contracts.models import Served
from contracts.ports import WorkerLedger
from worker.progress import Progress

INTERVAL_S = 2.0


@dataclass(slots=True)
class Heartbeat:
    """Beats every two seconds from a daemon thread.

    `on_hang` gets the seconds over the hard deadline and does not return; `on_revision` hears what is to be served.
    """

    ledger: WorkerLedger
    pulse: WorkerPulse
    progress: Progress
    stopping: threading.Event
    served: Callable[[], Served]
    on_hang: Callable[[float], None]
    on_beat: Callable[[bool], None] = lambda _: None
    on_revision: Callable[[int], None] = lambda _: None

    def start(self) -> None:
        """Beat once before the first claim, then from a thread."""
        self.beat()
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def beat(self) -> None:
        """Beat once; an absent Postgres is told to `on_beat` and otherwise ignored."""
        served = self.served()
        decided, events_per_s = self.progress.throughput.last_minute()
        pulse = replace(
            self.pulse,
            passed_woken_at=self.progress.passed_woken_at,
            draining=self.stopping.is_set(),
            model_version=served.version,
            revision=max(0, served.revision),
            model_problem=served.problem,
            decided_last_minute=decided,
            events_per_s=events_per_s,
        )
        try:
            revision = self.ledger.beat(pulse)
        except LedgerUnavailable:
            self.on_beat(False)
        else:
            self.on_beat(True)
            self.on_revision(revision)

    def _run(self) -> None:
        wait = threading.Event().wait
        beaten = time.monotonic()
        while True:
            wait(INTERVAL_S)
            if time.monotonic() - beaten > INTERVAL_S * 2:
                # The whole process was asleep, or starved: that says nothing of what its threads do.
                self.progress.restart()
            beaten = time.monotonic()
            if (over_s := self.progress.overdue_s()) > 0:
                self.on_hang(over_s)
            self.beat()
