"""Celery's Redis transport with two faults mended.

A list item that is no message of ours ends stock Celery, is put back, and ends the next worker: here it is dropped.
An acknowledgement that fails must not keep its prefetch slot:

Stock kombu (5.7) frees a message's slot only after Redis has answered the acknowledgement. After a connection reset the
slot is never freed, and a worker that has lost all its slots that way is alive and deaf for good.
`tests/integration/test_celery_transport.py` fails on the stock transport.
"""

from queue import Empty
from typing import Any

import structlog
from kombu.transport import TRANSPORT_ALIASES, redis
from kombu.transport.virtual import QoS as VirtualQoS
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from adapters.celery.messages import checked_job, checked_wake_up
from contracts.names import SLOW_QUEUE

_TRIES = 3


class RepairedQoS(redis.QoS):  # type: ignore[misc]
    """Acknowledges with a second try, and frees the slot whatever becomes of it.

    A message whose acknowledgement is lost is delivered again after the visibility timeout, and finds its events closed.
    """

    def ack(self, delivery_tag: str) -> None:
        """Remove the message from Redis if it can be reached, and from this worker's count always."""
        try:
            self._remove(delivery_tag)
        finally:
            VirtualQoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's signature
        """Give the message back, or remove it, and free the slot always."""
        try:
            if requeue:
                self.restore_by_tag(delivery_tag, leftmost=True)
            else:
                self._remove(delivery_tag)
        except (RedisError, OSError) as error:
            structlog.get_logger().warning("wake_up_reject_lost", error=str(error)[:200])
        finally:
            VirtualQoS.ack(self, delivery_tag)

    def _remove(self, delivery_tag: str) -> None:
        for attempt in range(1, _TRIES + 1):
            try:
                self._remove_from_indices(delivery_tag).execute()
            except (RedisConnectionError, OSError) as error:
                if attempt == _TRIES:
                    structlog.get_logger().warning("wake_up_ack_lost", error=str(error)[:200])
            else:
                return


class RepairedChannel(redis.Channel):  # type: ignore[misc]
    """A channel whose messages are counted by `RepairedQoS`."""

    QoS = RepairedQoS
    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - kombu's signature
        """Keep the client: kombu makes one for each acknowledgement, which costs as much as five of them."""
        if asynchronous:
            return super()._create_client(asynchronous=True)
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()
        return self._kept

    def _size(self, queue: str) -> int:
        """Count with one command: there are no priorities here, and a pipeline of redis-py costs as much as ten commands."""
        return int(self.client.llen(queue))

    def _brpop_read(self, **options: Any) -> bool:
        try:
            return bool(super()._brpop_read(**options))
        except (ValueError, TypeError) as error:  # neither UTF-8 nor JSON
            _drop(error)
            raise Empty from None


class RepairedTransport(redis.Transport):  # type: ignore[misc]
    """Redis, for Celery, with `RepairedChannel`."""

    Channel = RepairedChannel

    def _deliver(self, message: Any, queue: str) -> None:
        try:
            checked = checked_job(message) if queue == SLOW_QUEUE else checked_wake_up(message)
        except ValueError as error:
            _drop(error)
        else:
            super()._deliver(checked, queue)


def _drop(error: Exception) -> None:
    structlog.get_logger().error("work_queue_item_dropped", error=str(error)[:200])


def register() -> None:
    """Make redis:// and rediss:// mean the repaired transport in this process."""
    path = f"{__name__}:{RepairedTransport.__name__}"
    TRANSPORT_ALIASES.update({"redis": path, "rediss": path})


def options(visibility_timeout_s: float) -> dict[str, Any]:
    """Return the transport options under which a cut connection is noticed and mended."""
    return {
        "visibility_timeout": int(visibility_timeout_s),
        "priority_steps": [0],
        "socket_timeout": 10,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "retry_on_timeout": True,
    }
