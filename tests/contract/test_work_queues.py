"""What every work queue does, the twin and Celery's."""

from uuid import uuid4

import pytest

from adapters.celery.queue import CeleryWorkQueue, celery_app
from adapters.memory.queue import MemoryWorkQueue
from contracts.names import SLOW_QUEUE, WORK_QUEUE, WORK_QUEUE_FIRST


@pytest.fixture(params=["memory", "celery on redis"])
def work_queue(request):
    """An empty work queue."""
    if request.param == "memory":
        return MemoryWorkQueue()
    return CeleryWorkQueue(celery_app(request.getfixturevalue("redis_url")))


def test_an_empty_queue_has_no_depth_and_nobody_is_busy(work_queue):
    assert work_queue.depths() == {WORK_QUEUE_FIRST: 0, WORK_QUEUE: 0}
    assert (work_queue.depth(), work_queue.busy()) == (0, False)


def test_wake_ups_are_counted_by_their_queue_however_many_events_they_name(work_queue):
    work_queue.publish([[uuid4(), uuid4()], [uuid4()]])
    work_queue.publish([[uuid4()]], first=True)
    assert work_queue.depths(SLOW_QUEUE) == {WORK_QUEUE_FIRST: 1, WORK_QUEUE: 2, SLOW_QUEUE: 0}
    assert (work_queue.depth(), work_queue.busy()) == (3, True)


def test_what_goes_first_makes_no_worker_busy(work_queue):
    work_queue.publish([[uuid4()]], first=True)
    assert (work_queue.depth(), work_queue.busy()) == (1, False)
