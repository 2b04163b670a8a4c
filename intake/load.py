"""The fleet's load, looked at from time to time and told as figures to whoever scales it."""

import time
from collections.abc import Callable

from contracts.errors import QueueUnavailable
from contracts.fleet import FleetStatus
from contracts.scaling import Limits, comfortable, load_of

Look = Callable[[], FleetStatus]


def known(status: FleetStatus) -> FleetStatus:
    """Return the state; raises QueueUnavailable where the edge queue did not answer: a backlog that is not seen is not none."""
    if status.on_edge_queue is None:
        raise QueueUnavailable("the edge queue does not say how much waits there")
    return status


def utilization(status: FleetStatus) -> float:
    """Return what comes in as a share of what the workers can do; 0 while nobody has measured a worker, or none works."""
    load = load_of(status)
    most = load.running * load.worker_events_per_s
    return load.events_in_per_s / most if most > 0 else 0.0


def workers_needed(status: FleetStatus) -> float:
    """Return how many workers do with headroom for what comes in and what waits; 0 while nobody has measured a worker."""
    return comfortable(load_of(status), Limits())


class LoadWatch:
    """Looks every `every_s` seconds and tells the state; `take_one` is a round of a loop, which comes more often."""

    def __init__(self, look: Look, tell: Callable[[FleetStatus | None], None], every_s: float) -> None:
        """Tell the state that `look` returns, and None where it is not known."""
        self._look, self._tell, self._every_s = look, tell, every_s
        self._next = 0.0

    def take_one(self) -> bool:
        """Look if it is time; raises Infrastructure, after it told that nothing is known."""
        if time.monotonic() < self._next:
            return False
        try:
            status = known(self._look())
        except Exception:
            # A figure that stays as it was would scale the fleet by what is no more.
            self._tell(None)
            raise
        self._tell(status)
        self._next = time.monotonic() + self._every_s
        return False
