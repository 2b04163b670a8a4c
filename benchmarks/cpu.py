"""Whose CPU an event costs."""

import psutil

from local.fleet import LocalFleet


def cpu_seconds(fleet: LocalFleet) -> dict[str, float]:
    """Return the CPU seconds that each role and service has used so far, with its children."""
    pids = {name: fleet.supervisor.pid(name) for name in fleet.supervisor.alive()}
    pids |= {service.name: service.pid for service in fleet.stack.services if service.pid}
    return {name: _with_children(psutil.Process(pid)) for name, pid in pids.items()}


def _with_children(process: psutil.Process) -> float:
    total = 0.0
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
