"""Token buckets in Redis, by the generic cell rate algorithm: one number a bucket, one round trip for many requests."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from adapters.redis.queue import redis_errors
from contracts.gateway import Wanted

if TYPE_CHECKING:
    import redis

_PREFIX = "waste-rate:"
_TOTAL = "waste-rates"
"""The bucket of all together; no sensor's key, since those have a colon."""

# A bucket is the moment at which it would be full again. Times are the server's own, in microseconds.
_TAKE = """
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local function look(key, count, rate, burst)
    local full = math.max(now, tonumber(redis.call('GET', key) or 0)) + count * 1000000 / rate
    return full, full - burst * 1000000 / rate - now
end
local waits = {}
for i, key in ipairs(KEYS) do
    if i > 1 then
        local count = tonumber(ARGV[i + 3])
        local full, wait = look(key, count, tonumber(ARGV[1]), tonumber(ARGV[2]))
        local all, total = look(KEYS[1], count, tonumber(ARGV[3]), tonumber(ARGV[4]))
        wait = math.max(wait, total)
        if wait <= 0 then
            redis.call('SET', key, string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
            redis.call('SET', KEYS[1], string.format('%.0f', all), 'PX', math.ceil((all - now) / 1000) + 1)
        end
        waits[i - 1] = math.max(0, math.ceil(wait))
    end
end
return waits
"""


class RedisRates:
    """Implements `contracts.gateway.Rates`. Safe to use from several threads."""

    def __init__(self, client: "redis.Redis", *, device: tuple[float, int], total: tuple[float, int]) -> None:
        """`device` and `total` are events a second and how many may come at once; a larger batch never passes."""
        self._take: Any = client.register_script(_TAKE)
        self._limits = (*device, *total)

    def take(self, wanted: Sequence[Wanted]) -> list[float]:
        """Take tokens; return for each the seconds to wait, 0 if it may send now."""
        if not wanted:
            return []
        keys = [_TOTAL, *(_PREFIX + one.name for one in wanted)]
        with redis_errors():
            waits = self._take(keys=keys, args=[*self._limits, *(one.count for one in wanted)])
        return [wait / 1e6 for wait in waits]
