"""The desk's own heartbeat goes on while a database hangs."""

import asyncio
import threading

import pytest

from contracts.errors import LedgerUnavailable
from dlq_review.web import pulse
from dlq_review.web.pulse import Pulse


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(pulse, "_EVERY_S", 0.02)
    monkeypatch.setattr(pulse, "_HANGS_S", 0.2, raising=False)


def beat(ask, seconds):
    ticks, told = [], []

    async def live():
        async with Pulse(lambda: ticks.append(1), ask, told.append).beating(None):
            await asyncio.sleep(seconds)

    asyncio.run(live())
    return len(ticks), told


def test_a_database_that_hangs_makes_the_desk_unready_and_not_dead(quick):
    held = threading.Event()
    threading.Timer(1.0, held.set).start()
    ticks, told = beat(held.wait, 0.8)
    assert ticks > 10
    assert told[-1] is False


def test_a_database_that_comes_back_is_told(quick):
    answers = iter([LedgerUnavailable("away"), None])

    def ask():
        if error := next(answers, None):
            raise error

    _, told = beat(ask, 0.3)
    assert told[0] is False
    assert told[-1] is True
