"""The work queue on Celery: the one place that knows Celery's broker options.

Celery carries wake-ups and nothing else; what must not be lost is in the ledger. Each option below has a measured reason
in docs/decisions/0002-celery.md.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import kombu.exceptions
from celery import Celery
from kombu import Connection, Exchange, Queue
from kombu.pools import producers

from adapters.celery import transport as celery_transport
from adapters.redis.queue import redis_is_full
from contracts.errors import QueueFull, QueueUnavailable
from contracts.names import CLASSIFY_TASK, WORK_QUEUE, WORK_QUEUE_FIRST

VISIBILITY_TIMEOUT_S = 300.0

_QUEUES = tuple(Queue(name, Exchange(name, type="direct"), routing_key=name) for name in (WORK_QUEUE_FIRST, WORK_QUEUE))


def celery_app(broker_url: str, *, region: str | None = None) -> Celery:
    """Return the Celery app of producers and workers for a redis://, rediss://, redis+socket:// or sqs:// URL."""
    celery_transport.register()
    app = Celery("waste", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_queues=_QUEUES,
        task_default_queue=WORK_QUEUE,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=False,
        task_track_started=False,
        worker_prefetch_multiplier=1,
        worker_enable_prefetch_count_reduction=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,
        broker_connection_timeout=3,
        broker_transport_options=_transport_options(broker_url, region),
    )
    return app


def _transport_options(broker_url: str, region: str | None) -> dict[str, Any]:
    if broker_url.startswith("sqs:"):
        return {"visibility_timeout": int(VISIBILITY_TIMEOUT_S), "wait_time_seconds": 5, "region": region or "eu-central-1"}
    return celery_transport.options(VISIBILITY_TIMEOUT_S)


@contextmanager
def broker_errors(connection: Connection) -> Iterator[None]:
    """Raise QueueFull or QueueUnavailable for what kombu and its transports raise."""
    try:
        yield
    except (*connection.connection_errors, *connection.channel_errors, kombu.exceptions.OperationalError, OSError) as error:
        raise (QueueFull if redis_is_full(error) else QueueUnavailable)(str(error)[:200]) from error
    except AttributeError as error:
        # kombu reconnects within its declaration and then publishes to the channel of before, which has no client any more.
        raise QueueUnavailable(f"its connection was lost while a queue was declared: {error}") from error


class CeleryWorkQueue:
    """Implements `contracts.ports.WorkQueue`. Safe to use from several threads."""

    def __init__(self, app: Celery) -> None:
        """Publish through `app`'s broker."""
        self._app = app
        self._connection = app.connection_for_write()
        self._counts_are_old = self._connection.transport_cls == "sqs"
        # An attempt either goes out at once or is told: the ledger's reconciler is what repeats it.
        self._policy = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2}

    def publish(self, wake_ups: Sequence[Sequence[UUID]], *, first: bool = False) -> None:
        """Send each list of event ids as one task message, ahead of what waits if `first`."""
        queue = WORK_QUEUE_FIRST if first else WORK_QUEUE
        with broker_errors(self._connection), producers[self._connection].acquire(block=True, timeout=5) as producer:
            for wake_up in wake_ups:
                ids = [event_id.hex for event_id in wake_up]
                self._app.send_task(
                    CLASSIFY_TASK,
                    args=[ids, first],
                    argsrepr="",  # otherwise Celery makes one of each id
                    kwargsrepr="",
                    queue=queue,
                    producer=producer,
                    retry=True,
                    retry_policy=self._policy,
                )

    def depth(self) -> int:
        """Count the wake-ups that no worker has taken yet; SQS answers with an estimate."""
        return sum(self.depths().values())

    def depths(self, *others: str) -> dict[str, int]:
        """Count the wake-ups that no worker has taken yet, by queue, and what waits on `others`; SQS answers with estimates."""
        names = [*(queue.name for queue in _QUEUES), *others]
        with broker_errors(self._connection), producers[self._connection].acquire(block=True, timeout=5) as producer:
            return {name: _size(producer.channel, name) for name in names}

    def busy(self) -> bool:
        """Return whether a wake-up waits, so that no worker is free; always False on SQS, whose counts are a minute old."""
        if self._counts_are_old:
            return False
        with broker_errors(self._connection), producers[self._connection].acquire(block=True, timeout=5) as producer:
            return _size(producer.channel, WORK_QUEUE) > 0


def _size(channel: Any, name: str) -> int:
    # Not passive: an empty Redis list does not exist, and asking for it passively is an error.
    return int(channel.queue_declare(queue=name, durable=True, auto_delete=False).message_count)
