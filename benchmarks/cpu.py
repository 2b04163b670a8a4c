"""Whose CPU an event costs."""

import threading
from collections.abc import Callable

import psutil

from local.fleet import LocalFleet

_EARLY, _LATE = 0.0, 0.95
_LOOK_S = 0.2


class CpuWatch(threading.Thread):
    """Notes the CPU seconds of every role and service from the first outcome of a drain on, but for its end, where cores idle.

    Intake runs ahead of the workers: a window in the middle of a drain would show next to nothing of it.
    """

    def __init__(self, fleet: LocalFleet, done: Callable[[], int], events: int) -> None:
        """`done` counts the events of this drain that are decided, of `events`."""
        super().__init__(daemon=True)
        self._fleet, self._done, self._events = fleet, done, events
        self.per_event_ms: dict[str, float] = {}

    def run(self) -> None:
        """Sample twice."""
        first, before = self._sample(_EARLY)
        second, after = self._sample(_LATE)
        shared = [name for name in after if name in before]
        self.per_event_ms = {name: round((after[name] - before[name]) / (second - first) * 1000, 3) for name in shared}

    def _sample(self, share: float) -> tuple[int, dict[str, float]]:
        wait = threading.Event().wait
        while (done := self._done()) < max(1, self._events * share):
            wait(_LOOK_S)
        return done, cpu_seconds(self._fleet)


def cpu_seconds(fleet: LocalFleet) -> dict[str, float]:
    """Return the CPU seconds that each role and service has used so far, with its children."""
    pids = {name: fleet.supervisor.pid(name) for name in fleet.supervisor.alive()}
    pids |= {service.name: service.pid for service in fleet.stack.services if service.pid}
    return {name: _with_children(psutil.Process(pid)) for name, pid in pids.items()}


def _with_children(process: psutil.Process) -> float:
    own = process.cpu_times()
    total = own.children_user + own.children_system
    for one in [process, *process.children(recursive=True)]:
        try:
            times = one.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def rss_mb(fleet: LocalFleet) -> dict[str, float]:
    """Return the resident memory of each role in MB."""
    return {name: psutil.Process(fleet.supervisor.pid(name)).memory_info().rss / 1e6 for name in fleet.supervisor.alive()}
