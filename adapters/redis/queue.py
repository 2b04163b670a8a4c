"""A queue on a Redis Stream: a consumer group, leases by idle time, entries deleted when acknowledged.

Works on Redis and Valkey from 6.2 on. An entry costs about 170 bytes beside its body.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias
from uuid import uuid4

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from contracts.errors import QueueFull, QueueUnavailable
from contracts.messages import Message, QueueDepth, Received

BODY_FIELD = b"body"
_GROUP = "fleet"
_MAX_BLOCK_S = 5.0
_LOOK_EVERY_S = 0.25
_RECLAIM_EVERY_S = 1.0
_LATEST_S = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
_FORGET_CONSUMER_AFTER_MS = 3_600_000

Entry: TypeAlias = tuple[bytes, dict[bytes, bytes] | None]


def connect(url: str) -> "redis.Redis":
    """Return a client for redis://, rediss:// or redis+socket:// that times out, keeps alive and reconnects."""
    if url.startswith("redis+socket://"):
        path, _, query = url.removeprefix("redis+socket://").partition("?")
        url = f"unix://{path}?{query.replace('virtual_host', 'db')}"
    return redis.Redis.from_url(
        url,
        socket_timeout=_MAX_BLOCK_S + 5,
        socket_connect_timeout=3,
        socket_keepalive=True,
        health_check_interval=15,
        # A broker that hangs is not asked again: each answer that does not come is ten seconds, and somebody may be waiting.
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=2, supported_errors=(redis.exceptions.ConnectionError,)),
    )


@contextmanager
def redis_errors() -> Iterator[None]:
    """Raise QueueFull or QueueUnavailable for what the Redis client raises."""
    try:
        yield
    except redis.exceptions.RedisError as error:
        raise (QueueFull if redis_is_full(error) else QueueUnavailable)(str(error)[:200]) from error
    except OSError as error:
        raise QueueUnavailable(str(error)[:200]) from error


def redis_is_full(error: Exception) -> bool:
    """Return whether Redis refused a write because its memory or disk is full; pipelines wrap the error's own text."""
    words = ("maxmemory", "OOM", "MISCONF")
    return isinstance(error, redis.exceptions.OutOfMemoryError) or any(word in str(error) for word in words)


class Door(Protocol):
    """Where those who may do nothing else append messages."""

    def move(self, most: int) -> int:
        """Move up to `most` messages into the stream; return how many."""

    def waiting(self) -> int:
        """Count what lies there."""

    @property
    def look_every_s(self) -> float:
        """How often a reader that waits has to look."""


class RedisMessageQueue:
    """Implements `contracts.ports.MessageQueue`. Safe to publish from several threads; one reader an instance."""

    def __init__(
        self, client: "redis.Redis", name: str, *, lease_s: float = 60.0, headroom: float = 0.0, door: "Door | None" = None
    ) -> None:
        """Use the stream `name`; a message that is not acknowledged within `lease_s` goes to another reader.

        `headroom` is the share of Redis' memory that `publish` leaves to others: it raises QueueFull before Redis would.
        What lies at `door` is part of the queue.
        """
        self._door = door
        self._headroom, self._looked_at = headroom, 0.0
        self._client: Any = client
        self._name = name
        self._lease_ms = int(lease_s * 1000)
        self._consumer = uuid4().hex
        self._reclaim_at = 0.0
        self._reclaim_from = "0-0"
        self._has_group = False

    def publish(self, messages: Sequence[Message]) -> None:
        """Append all messages in one round trip."""
        with redis_errors():
            self._check_room()
            pipeline = self._client.pipeline(transaction=False)
            for message in messages:
                pipeline.xadd(self._name, _fields(message))
            pipeline.execute()

    def _check_room(self) -> None:
        if not self._headroom or time.monotonic() < self._looked_at + _LOOK_EVERY_S:
            return
        try:
            used, most = self._memory()
        except redis.exceptions.ResponseError:  # not allowed to ask
            self._headroom = 0.0
            return
        if most and used > most * (1 - self._headroom):
            raise QueueFull(f"{used} of {most} bytes are used")
        self._looked_at = time.monotonic()

    def _memory(self) -> tuple[int, int]:
        memory = self._client.info("memory")
        return int(memory["used_memory"]), int(memory["maxmemory"])

    def receive(self, max_messages: int, wait_s: float) -> list[Received]:
        """Lease messages: first those whose reader let its lease pass, then new ones."""
        with redis_errors():
            try:
                self._ensure_group()
                return self._reclaim(max_messages) or self._read(max_messages, wait_s)
            except redis.exceptions.ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                self._has_group = False  # somebody flushed the stream away; it is made again at the next call
                return []

    def ack(self, receipts: Sequence[str]) -> None:
        """Delete messages; the stream keeps nothing that is done."""
        if not receipts:
            return
        with redis_errors():
            pipeline = self._client.pipeline(transaction=True)
            pipeline.xack(self._name, _GROUP, *receipts)
            pipeline.xdel(self._name, *receipts)
            pipeline.execute()

    def release(self, receipts: Sequence[str]) -> None:
        """Let the leases end now, so that the next reader takes the messages again."""
        if not receipts:
            return
        with redis_errors():
            self._client.xclaim(self._name, _GROUP, self._consumer, 0, receipts, idle=self._lease_ms + 1, justid=True)
        self._reclaim_at = 0.0

    def depth(self) -> QueueDepth:
        """Count the messages, exactly."""
        with redis_errors():
            total = int(self._client.xlen(self._name))
            groups = self._client.xinfo_groups(self._name) if total else []
            outside = self._door.waiting() if self._door else 0
        leased = next((int(group["pending"]) for group in groups if group["name"] == _GROUP.encode()), 0)
        return QueueDepth(waiting=max(0, total - leased) + outside, leased=leased)

    def oldest_age_s(self, now: datetime) -> float | None:
        """Return the age of the oldest message that is not acknowledged."""
        with redis_errors():
            first = self._client.xrange(self._name, count=1)
        return max(0.0, (now - _made_at(first[0][0])).total_seconds()) if first else None

    def memory_share(self) -> float | None:
        """Return the share of `maxmemory` that Redis uses, None if it has no bound."""
        with redis_errors():
            used, most = self._memory()
        return used / most if most else None

    def _ensure_group(self) -> None:
        if self._has_group:
            return
        # Looked for first: a Redis without memory refuses to make a group even if it is there.
        if not self._client.exists(self._name) or not self._client.xinfo_groups(self._name):
            self._make_group()
        self._forget_dead_consumers()
        self._has_group = True

    def _make_group(self) -> None:
        try:
            self._client.xgroup_create(self._name, _GROUP, id="0", mkstream=True)
        except redis.exceptions.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def _forget_dead_consumers(self) -> None:
        for consumer in self._client.xinfo_consumers(self._name, _GROUP):
            if consumer["pending"] == 0 and consumer["idle"] > _FORGET_CONSUMER_AFTER_MS:
                self._client.xgroup_delconsumer(self._name, _GROUP, consumer["name"])

    def _reclaim(self, max_messages: int) -> list[Received]:
        if time.monotonic() < self._reclaim_at:
            return []
        answer = self._client.xautoclaim(
            self._name, _GROUP, self._consumer, self._lease_ms, start_id=self._reclaim_from, count=max_messages
        )
        self._reclaim_from = answer[0].decode()
        if self._reclaim_from == "0-0":
            self._reclaim_at = time.monotonic() + _RECLAIM_EVERY_S
        # What was deleted meanwhile comes back without fields on older servers.
        entries = [(entry_id, fields) for entry_id, fields in answer[1] if fields]
        if not entries:
            return []
        counts = self._deliveries(entries)
        return [_received(entry_id, fields, counts.get(entry_id, 2)) for entry_id, fields in entries]

    def _deliveries(self, entries: Sequence[Entry]) -> dict[bytes, int]:
        pending = self._client.xpending_range(
            self._name, _GROUP, min=entries[0][0], max=entries[-1][0], count=len(entries), consumername=self._consumer
        )
        return {row["message_id"]: int(row["times_delivered"]) for row in pending}

    def _read(self, max_messages: int, wait_s: float) -> list[Received]:
        if self._door is None:
            return self._read_stream(max_messages, wait_s)
        until = time.monotonic() + wait_s
        while True:
            self._door.move(max_messages)
            left_s = until - time.monotonic()
            found = self._read_stream(max_messages, min(left_s, self._door.look_every_s))
            if found or left_s <= self._door.look_every_s:
                return found

    def _read_stream(self, max_messages: int, wait_s: float) -> list[Received]:
        block_ms = max(1, int(min(wait_s, _MAX_BLOCK_S) * 1000)) if wait_s > 0 else None
        answer = self._client.xreadgroup(_GROUP, self._consumer, {self._name: ">"}, count=max_messages, block=block_ms)
        if not answer:
            return []
        entries: Sequence[Entry] = next(iter(answer.values()))[0] if isinstance(answer, dict) else answer[0][1]
        return [_received(entry_id, fields or {}, 1) for entry_id, fields in entries]


def _fields(message: Message) -> dict[bytes, bytes]:
    return {BODY_FIELD: message.body} | {name.encode(): value.encode() for name, value in message.headers.items()}


def _received(entry_id: bytes, fields: dict[bytes, bytes], deliveries: int) -> Received:
    headers = {
        key.decode(errors="replace"): value[:1024].decode(errors="replace") for key, value in fields.items() if key != BODY_FIELD
    }
    return Received(entry_id.decode(), Message(fields.get(BODY_FIELD, b""), headers), _made_at(entry_id), deliveries)


def _made_at(entry_id: bytes) -> datetime:
    # Who writes to the stream may choose its ids: one of the year 10000 must not end its reader.
    return datetime.fromtimestamp(min(int(entry_id.partition(b"-")[0]) / 1000, _LATEST_S), UTC)
