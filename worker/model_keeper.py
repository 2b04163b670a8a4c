"""The thread that brings into force what the registry plans, and tells it of models that are unfit."""

import random
import threading
import time

import structlog

from contracts.errors import FleetError, LedgerUnavailable
from contracts.models import Serving
from worker.slots import ModelSlots

APART_S = 1.0
AGAIN_S = 5.0
"""So long after a plan could not be brought into force it is tried again."""


class ModelKeeper:
    """`heard` is told the revision that each heartbeat brings, so that asking costs nothing while nothing changes."""

    def __init__(self, serving: Serving, slots: ModelSlots, who: str) -> None:
        """Withdraw models as `who`."""
        self._serving, self._slots, self._who = serving, slots, who
        self._heard = 0
        self._tried, self._again_at = -1, 0.0
        """The revision that was tried last, and from when on it is tried again; another one is at once."""
        self._news = threading.Event()
        slots.on_arrival(self._arrived)

    def start(self) -> None:
        """Go on from a thread."""
        threading.Thread(target=self._run, name="models", daemon=True).start()

    def heard(self, revision: int) -> None:
        """Hear which revision is planned."""
        self._heard = revision
        may_try = revision != self._tried or time.monotonic() >= self._again_at
        if (revision != self._slots.served.revision and may_try) or self._slots.benched:
            self._news.set()

    def _arrived(self) -> None:
        self._again_at = 0.0
        self._news.set()

    def renew(self) -> None:
        """Withdraw what is unfit, and bring into force what is planned; raises LedgerUnavailable."""
        for version, why in list(self._slots.benched.items()):
            self._serving.withdraw(version, self._who, why, {})
            # Withdrawn by this worker or another, or moved on by somebody who knows better.
            self._slots.benched.pop(version, None)
        heard = self._heard
        if heard != self._slots.served.revision:
            plan = self._serving.plan()
            self._tried, self._again_at = max(heard, plan.revision), time.monotonic() + AGAIN_S
            self._slots.bring(plan)

    def _run(self) -> None:
        wait = threading.Event().wait
        while True:
            self._news.wait()
            self._news.clear()
            # The workers of a machine shall not all load at the same moment, when each heard of it with its heartbeat.
            wait(random.random() * APART_S)
            try:
                self.renew()
            except LedgerUnavailable:
                pass  # the next heartbeat that arrives says so again
            except FleetError as error:
                structlog.get_logger("waste").error("models_not_renewed", problem=str(error))
            except Exception:  # noqa: BLE001 - a worker that has lost this thread would never hear of a roll-back
                structlog.get_logger("waste").exception("models_not_renewed")
