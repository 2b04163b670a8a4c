"""What keeps a program going round: an absent dependency makes it wait, and nothing but being told makes it end."""

import threading
import time
from collections.abc import Callable

import structlog

from adapters.http.health import Health
from contracts.errors import FleetError, Infrastructure
from contracts.facts import DependencyBack, DependencyLost
from contracts.ports import Telemetry

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
READY = "first round"


def run_until_stopped(
    take_one: Callable[[], bool], stop: threading.Event, health: Health, telemetry: Telemetry, *, idle_s: float = 0.0
) -> None:
    """Call `take_one` until `stop` is set, with a pause of `idle_s` after a round that found no work.

    An Infrastructure error is told once, makes the program unready, and is tried again with growing pauses; so is one that
    nobody foresaw, with its traceback in the log.
    """
    lost: tuple[str, float] | None = None
    pause_s = _FIRST_PAUSE_S
    while not stop.is_set():
        health.tick()
        try:
            found = take_one()
        except Exception as error:  # noqa: BLE001 - the end of a loop would be silence; see above
            if lost is None:
                lost = (_reason(error), time.monotonic())
                telemetry.emit(DependencyLost(_reason(error), error.detail if isinstance(error, FleetError) else repr(error)[:200]))
            if not isinstance(error, Infrastructure):
                structlog.get_logger("waste").exception("round_failed")
            health.lost(READY)
            stop.wait(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            continue
        if lost is not None:
            telemetry.emit(DependencyBack(lost[0], time.monotonic() - lost[1]))
        lost, pause_s = None, _FIRST_PAUSE_S
        health.met(READY)
        if not found and idle_s:
            stop.wait(idle_s)


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, FleetError) else "unexpected"
