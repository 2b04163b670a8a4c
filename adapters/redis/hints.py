"""The hint in force, beside the edge queue in Redis, where a device that writes there may read it."""

from typing import TYPE_CHECKING

from adapters.redis.queue import redis_errors
from contracts.doors import hint_key
from contracts.pressure import Hint, read_hint

if TYPE_CHECKING:
    import redis

_KEPT_S = 30


class RedisHints:
    """Implements `contracts.pressure.Hints`."""

    def __init__(self, client: "redis.Redis", queue: str) -> None:
        """Keep it beside `queue`."""
        self._client, self._key = client, hint_key(queue)

    def post(self, hint: Hint) -> None:
        """Write the hint for half a minute."""
        with redis_errors():
            self._client.set(self._key, hint.encode(), ex=_KEPT_S)

    def read(self) -> Hint:
        """Return the hint in force."""
        with redis_errors():
            found = self._client.get(self._key)
        return read_hint(found if isinstance(found, bytes) else None)
