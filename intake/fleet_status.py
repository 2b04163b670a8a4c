"""`waste fleet status`: workers, what waits for them, and how fast events come and go."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime

from contracts.errors import QueueUnavailable
from contracts.fleet import FleetStatus, WorkerState
from contracts.ports import MessageQueue
from contracts.scaling import load_of
from contracts.tables import lines_of


def look(ledger: Callable[[], FleetStatus], edge: MessageQueue) -> FleetStatus:
    """Return the fleet's state; raises LedgerUnavailable. A queue that does not answer is told in it as None."""
    status = ledger()
    try:
        waiting, oldest_s = edge.depth().total, edge.oldest_age_s(datetime.now(UTC))
    except QueueUnavailable:
        return status
    return replace(status, on_edge_queue=waiting, edge_oldest_s=oldest_s)


def as_json(status: FleetStatus) -> str:
    """Return the state as one JSON object; `waste fleet scale` reads it."""
    load = asdict(load_of(status))
    if math.isinf(load["youngest_s"]):
        load["youngest_s"] = None  # JSON has no infinity
    sums = {
        "backlog": status.backlog,
        "oldest_s": status.oldest_s,
        "backlog_s": status.backlog_s,
        "worker_events_per_s": status.worker_events_per_s,
    }
    return json.dumps(asdict(status) | sums | {"load": load}, default=str, indent=1) + "\n"


def as_text(status: FleetStatus) -> Iterator[str]:
    """Yield the lines that people read."""
    flow = status.flow
    edge = "unknown" if status.on_edge_queue is None else str(status.on_edge_queue)
    oldest = "none" if status.oldest_s is None else f"{status.oldest_s:.1f} s old"
    yield f"events   {edge} on the edge queue, {flow.waiting} waiting, {flow.in_flight} in flight, {flow.later} later\n"
    yield f"oldest   {oldest}\n"
    yield f"in       {flow.in_1m:.1f}/s over the last minute, {flow.in_5m:.1f}/s over five\n"
    yield f"out      {flow.out_1m:.1f}/s over the last minute, {flow.out_5m:.1f}/s over five\n"
    yield f"backlog  {status.backlog_s:.1f} s\n\n"
    head = ("WORKER", "IS", "UP", "LAST BEAT", "VERSION", "MODEL", "REVISION", "LAST MINUTE", "EVENTS/S")
    yield from lines_of([head, *(_row(worker, status.revision) for worker in status.workers)])


def _row(worker: WorkerState, revision: int) -> tuple[str, ...]:
    state = "silent" if not worker.alive else "draining" if worker.draining else "working"
    model = worker.model_version + (f" ({worker.model_problem})" if worker.model_problem else "")
    behind = f"{worker.revision}" + (f" of {revision}" if worker.revision < revision else "")
    rate = f"{worker.events_per_s:.0f}" if worker.events_per_s else "-"
    times = (f"{worker.up_s:.0f} s", f"{worker.silent_s:.1f} s ago")
    return (f"{worker.host}/{worker.pid}", state, *times, worker.version, model, behind, str(worker.decided_last_minute), rate)
