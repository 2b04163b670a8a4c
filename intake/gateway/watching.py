"""What a gateway looks after beside its requests: refused credentials, the weather, and what is told of both."""

import threading
import time
from collections.abc import Callable

from structlog import get_logger

from contracts.errors import Infrastructure
from contracts.facts import DependencyBack, DependencyLost
from contracts.ports import Telemetry
from intake.gateway.ledger_reads import LedgerReads
from intake.gateway.speakers import Speakers
from intake.weather import Weather

_EVERY_S = 1.0


class Watch:
    """A thread that goes round once a second. The queue's absence makes the gateway unready; Postgres' does not."""

    def __init__(
        self, weather: Weather, reads: LedgerReads, speakers: Speakers, telemetry: Telemetry, ready: Callable[[bool], None]
    ) -> None:
        """Call `ready` each round with whether the queue answers."""
        self._weather, self._reads, self._speakers, self._telemetry, self._ready = weather, reads, speakers, telemetry, ready
        self._stop = threading.Event()
        self._lost: tuple[str, float] | None = None
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Look once, so that the first request finds what is to be known, and then go round."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join(timeout=5)

    def look(self) -> None:
        """Go round once."""
        if (refused := self._reads.refused()) is not None:
            self._speakers.refused = refused
        try:
            self._weather.look()
        except Infrastructure as error:
            if self._lost is None:
                self._telemetry.emit(DependencyLost(error.reason, error.detail))
                self._lost = (error.reason, time.monotonic())
            self._ready(False)
            return
        if self._lost is not None:
            self._telemetry.emit(DependencyBack(self._lost[0], time.monotonic() - self._lost[1]))
        self._lost = None
        self._ready(True)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                self.look()
            except Exception:  # noqa: BLE001 - the end of this thread would be silence about revocations and the queue
                get_logger("waste").exception("watch_failed")
                self._ready(False)
