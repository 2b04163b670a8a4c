"""The Celery side of a worker: one task, which does nothing but hand its ids to the processor and be acknowledged after."""

from collections.abc import Sequence
from threading import Event
from uuid import UUID

from celery import Celery
from celery.exceptions import Reject

from contracts.names import CLASSIFY_TASK
from worker.process import Processor
from worker.workplace import ShuttingDown


def register_task(app: Celery, processor: Processor, stopping: Event) -> None:
    """Make `app` answer wake-ups with `processor`."""

    def classify_items(event_ids: Sequence[str], first: bool = False) -> None:  # noqa: FBT001, FBT002 - the wire's form
        if stopping.is_set():
            raise Reject("shutting down", requeue=True)
        try:
            processor.take([UUID(text) for text in event_ids], first=first)
        except ShuttingDown:
            raise Reject("shutting down", requeue=True) from None

    app.task(name=CLASSIFY_TASK, acks_late=True, ignore_result=True)(classify_items)
