"""The door of the edge queue in Redis: a list to which a device may append, and do nothing else.

On the stream itself a device that may append may also trim it (`XADD ... MAXLEN 1`) and choose ids, which no ACL can forbid. So
devices push to a list, `signature newline body` each, and whoever reads the queue moves what lies there into the stream. A bin that
is traced puts its traceparent after the signature, with a space between them.
"""

import time
from collections.abc import Sequence
from typing import Any

from adapters.redis.queue import BODY_FIELD, redis_errors
from contracts.doors import door_key
from contracts.messages import Message
from contracts.names import SIGNATURE_HEADER, TRACE_HEADER

_LONGEST_SIGNATURE = 1024
_BUSY_S, _BUSY_LOOK_S, _IDLE_LOOK_S = 60.0, 0.05, 1.0
# LPOP comes first: a Redis whose memory is full refuses what would write more, but not a script that has already taken
# something away. What the stream will not have goes back to where it was.
_MOVE = f"""
redis.call('XLEN', KEYS[2])
for moved = 0, tonumber(ARGV[1]) - 1 do
  local item = redis.call('LPOP', KEYS[1])
  if not item then return moved end
  local cut = string.find(item, '\\n', 1, true)
  local done
  if cut and cut <= {_LONGEST_SIGNATURE} then
    local signature, body = string.sub(item, 1, cut - 1), string.sub(item, cut + 1)
    local fields, gap = {{'{BODY_FIELD.decode()}', body}}, string.find(signature, ' ', 1, true)
    if gap then
      fields = {{'{TRACE_HEADER}', string.sub(signature, gap + 1), unpack(fields)}}
      signature = string.sub(signature, 1, gap - 1)
    end
    done = redis.pcall('XADD', KEYS[2], '*', '{SIGNATURE_HEADER}', signature, unpack(fields))
  else
    done = redis.pcall('XADD', KEYS[2], '*', '{BODY_FIELD.decode()}', item)
  end
  if type(done) == 'table' and done.err then
    redis.call('LPUSH', KEYS[1], item)
    return done
  end
end
return tonumber(ARGV[1])
"""


class RedisDoor:
    """The outside: what a device may do. Implements `contracts.ports.Publisher`; safe in several threads."""

    def __init__(self, client: Any, queue: str) -> None:
        """Append to the door of `queue`."""
        self._client, self._key = client, door_key(queue)

    def publish(self, messages: Sequence[Message]) -> None:
        """Append all messages at once."""
        if messages:
            with redis_errors():
                self._client.rpush(self._key, *map(_entry, messages))


class DoorKeeper:
    """The inside: moves what lies at the door into the stream."""

    def __init__(self, client: Any, queue: str) -> None:
        """Keep the door of `queue`."""
        self._client, self._keys = client, (door_key(queue), queue)
        self._script = client.register_script(_MOVE)
        self._seen_at = float("-inf")

    def move(self, most: int) -> int:
        """Move up to `most` messages, all or those before one that the stream will not have; return how many."""
        moved = int(self._script(keys=self._keys, args=(most,)))
        if moved:
            self._seen_at = time.monotonic()
        return moved

    def waiting(self) -> int:
        """Count what lies at the door."""
        return int(self._client.llen(self._keys[0]))

    @property
    def look_every_s(self) -> float:
        """How long a reader may wait on the stream before it looks at the door again: briefly while devices come this way."""
        return _BUSY_LOOK_S if time.monotonic() < self._seen_at + _BUSY_S else _IDLE_LOOK_S


def _entry(message: Message) -> bytes:
    head = message.headers.get(SIGNATURE_HEADER, "")
    if trace := message.headers.get(TRACE_HEADER):
        head = f"{head} {trace}"
    return head.encode() + b"\n" + message.body
