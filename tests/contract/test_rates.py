"""Token buckets, in Redis and in memory: the same suite on both."""

import threading
import time

import pytest
import redis

from adapters.memory.rates import MemoryRates
from adapters.redis.rates import RedisRates
from contracts.errors import QueueUnavailable
from contracts.gateway import Wanted


@pytest.fixture(params=["memory", "redis"])
def open_rates(request, redis_url):
    """Return what opens buckets: (rate, burst) of a device and of all."""

    def open_rates(device, total=(1e6, 10**6)):
        if request.param == "memory":
            return MemoryRates(device=device, total=total)
        return RedisRates(redis.Redis.from_url(redis_url), device=device, total=total)

    return open_rates


def test_a_burst_passes_and_then_as_many_as_agreed(open_rates):
    rates = open_rates((1.0, 5))
    assert rates.take([Wanted("a", 1)] * 5) == [0] * 5
    (wait_s,) = rates.take([Wanted("a", 1)])
    assert 0.5 < wait_s <= 1
    time.sleep(wait_s + 0.01)
    assert rates.take([Wanted("a", 1), Wanted("b", 5)]) == [0, 0]


def test_who_is_refused_has_taken_nothing(open_rates):
    rates = open_rates((1.0, 10))
    assert rates.take([Wanted("a", 8)]) == [0]
    assert 4.5 < rates.take([Wanted("a", 7)])[0] <= 5.0
    assert rates.take([Wanted("a", 2)]) == [0]


def test_all_together_have_a_bucket_too_and_whom_it_refuses_keeps_his_own(open_rates):
    rates = open_rates((0.001, 100), (10.0, 10))
    assert rates.take([Wanted("a", 6), Wanted("b", 6)])[0] == 0
    (wait_s,) = rates.take([Wanted("b", 10)])
    assert 0.3 < wait_s <= 0.6
    time.sleep(wait_s + 0.01)
    assert rates.take([Wanted("b", 10)]) == [0]


def test_nobody_wanting_anything_asks_nobody(open_rates):
    assert open_rates((1.0, 1)).take([]) == []


def test_several_who_ask_at_once_get_no_more_than_there_is(open_rates):
    rates = open_rates((0.001, 50))
    passed = []
    threads = [threading.Thread(target=lambda: passed.extend(rates.take([Wanted("a", 1)] * 20))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert passed.count(0) == 50


def test_a_store_that_is_away_is_said_in_our_words():
    away = RedisRates(redis.Redis(port=1), device=(1.0, 1), total=(1.0, 1))
    with pytest.raises(QueueUnavailable):
        away.take([Wanted("a", 1)])
