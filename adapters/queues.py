"""From settings to the queues they name."""

from urllib.parse import unquote, urlsplit

from adapters.hinted_publisher import HintedPublisher
from adapters.judged_hints import JudgedHints
from adapters.redis import queue as redis_queue
from adapters.redis.door import DoorKeeper, RedisDoor
from adapters.redis.hints import RedisHints
from adapters.settings import QueueSettings
from contracts.names import DEAD_LETTER_QUEUE, EDGE_QUEUE
from contracts.ports import MessageQueue, Publisher
from contracts.pressure import Hints, Marks

_HEADROOM = {EDGE_QUEUE: 0.2}
"""Devices may not fill what intake and workers need to empty it again."""


def open_edge_queue(settings: QueueSettings) -> MessageQueue:
    """Return the edge queue."""
    return open_message_queue(settings.edge_url(), EDGE_QUEUE, lease_s=settings.queue_lease_s, region=settings.aws_region)


def open_door(settings: QueueSettings) -> Publisher:
    """Return where a device that has been let in appends its events, and can do nothing else."""
    if urlsplit(settings.edge_url()).scheme == "sqs":
        queue = open_edge_queue(settings)
        return HintedPublisher(queue, JudgedHints(queue, Marks()))
    client = redis_queue.connect(settings.edge_url())
    return HintedPublisher(RedisDoor(client, EDGE_QUEUE), RedisHints(client, EDGE_QUEUE))


def open_dead_letter_queue(settings: QueueSettings) -> MessageQueue:
    """Return the dead-letter queue."""
    url = settings.dead_letter_url()
    return open_message_queue(url, DEAD_LETTER_QUEUE, lease_s=settings.queue_lease_s, region=settings.aws_region)


def open_hints(settings: QueueSettings, marks: Marks) -> Hints:
    """Return where devices that write to the edge queue read how fast they may."""
    if urlsplit(settings.edge_url()).scheme == "sqs":
        return JudgedHints(open_edge_queue(settings), marks)
    return RedisHints(redis_queue.connect(settings.edge_url()), EDGE_QUEUE)


def open_message_queue(url: str, name: str, *, lease_s: float, region: str) -> MessageQueue:
    """Return the queue `name` at a redis://, rediss://, redis+socket:// or sqs://[key:secret@][host:port] URL.

    An sqs:// URL with a host means an emulator there, whose queues are made as needed; without one it means AWS.
    """
    parts = urlsplit(url)
    if parts.scheme != "sqs":
        client = redis_queue.connect(url)
        door = DoorKeeper(client, name) if name == EDGE_QUEUE else None
        return redis_queue.RedisMessageQueue(client, name, lease_s=lease_s, headroom=_HEADROOM.get(name, 0.0), door=door)
    from adapters.aws import sqs_queue

    endpoint = f"http://{parts.hostname}:{parts.port}" if parts.hostname else None
    secret = unquote(parts.password) if parts.password else None
    client = sqs_queue.connect(endpoint, region, unquote(parts.username) if parts.username else None, secret)
    return sqs_queue.SqsMessageQueue(client, name, lease_s=lease_s, create=endpoint is not None)
