"""Whose turn it is to compute."""

import threading
import time

import pytest

from tests.conftest import wait_for
from worker.turns import Turns


def test_no_more_than_the_cores_compute_at_once():
    turns = Turns(2)
    with turns.queue() as first, turns.queue() as second, turns.queue() as third:
        assert first.take(0)
        assert second.take(0)
        assert not third.take(0.02)
        second.leave()
        assert third.take(0.02)
    with turns.queue() as first, turns.queue() as second:
        assert first.take(0)
        assert second.take(0)


def test_a_wake_up_keeps_its_turn_from_picture_to_picture():
    turns = Turns(1)
    with turns.queue() as older, turns.queue() as younger:
        assert older.take(0)
        waiting = threading.Thread(target=younger.take, args=(2,))
        waiting.start()
        wait_for(lambda: turns.oldest_waiting == 1)
        assert all(older.take(0) for _ in range(3))
        older.leave()
        waiting.join(2)
        assert not waiting.is_alive()


def test_a_younger_wake_up_gives_way_to_an_older_one():
    turns, order = Turns(1), []
    with turns.queue() as older, turns.queue() as younger:
        assert younger.take(0)

        def compute():
            assert older.take(2)
            order.append("older")
            time.sleep(0.05)
            older.leave()

        waiting = threading.Thread(target=compute)
        waiting.start()
        wait_for(lambda: turns.oldest_waiting == 0)
        assert younger.take(2)
        order.append("younger")
        waiting.join()
    assert order == ["older", "younger"]


def test_a_turn_is_free_after_an_error():
    turns = Turns(1)

    def break_off():
        with turns.queue() as broken:
            assert broken.take(0)
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        break_off()
    with turns.queue() as next_one:
        assert next_one.take(0)


def test_a_long_turn_ends_when_another_waits(monkeypatch):
    monkeypatch.setattr("worker.turns._LONGEST_S", 0.05)
    turns = Turns(1)
    with turns.queue() as older, turns.queue() as younger:
        assert older.take(0)
        waiting = threading.Thread(target=lambda: younger.take(2) and (time.sleep(0.05), younger.leave()))
        waiting.start()
        wait_for(lambda: turns.oldest_waiting == 1)
        assert older.take(0)
        time.sleep(0.06)
        assert not older.take(0.01)
        assert older.take(2)
        waiting.join()
