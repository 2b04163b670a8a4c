"""What a waiting event costs: the time to sign and enqueue it, and Redis' bytes while it waits."""

import time
from uuid import uuid4

import redis

from adapters.celery.queue import CeleryWorkQueue, celery_app
from benchmarks.load import Load
from intake.grouping import MAX_IDS
from local.fleet import LocalFleet


def measure_enqueue(load: Load, events: int) -> float:
    """Return the signed events/s that one process puts on the edge queue."""
    started = time.perf_counter()
    load.enqueue(events)
    return events / (time.perf_counter() - started)


def measure_edge_bytes(fleet: LocalFleet, load: Load, events: int) -> float:
    """Return Redis' bytes per event that waits on the edge queue; the roles must be stopped."""
    client = redis.Redis.from_url(fleet.stack.valkey.url)
    before = _used(client)
    load.enqueue(events)
    return (_used(client) - before) / events


def measure_work_bytes(fleet: LocalFleet, events: int) -> float:
    """Return Redis' bytes per event that waits on the work queue, as intake groups them under load."""
    client = redis.Redis.from_url(fleet.stack.valkey.database_url(14))
    work = CeleryWorkQueue(celery_app(fleet.stack.valkey.database_url(14)))
    before = _used(client)
    ids = [uuid4() for _ in range(events)]
    work.publish([ids[start : start + MAX_IDS] for start in range(0, events, MAX_IDS)])
    used = _used(client) - before
    client.flushdb()
    return used / events


def _used(client: "redis.Redis") -> int:
    return int(client.info("memory")["used_memory_dataset"])
