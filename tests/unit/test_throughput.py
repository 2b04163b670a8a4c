"""How fast a worker says that it is."""

import pytest

from worker.throughput import Throughput


class Hand:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Hand()


@pytest.fixture
def throughput(clock):
    return Throughput(clock)


def work(throughput, clock, seconds, count):
    throughput.begin()
    clock.now += seconds
    throughput.decided(count)
    throughput.end()


def test_a_worker_that_decided_nothing_has_measured_nothing(throughput):
    assert throughput.last_minute() == (0, 0.0)


def test_time_without_a_wake_up_does_not_count_against_its_rate(throughput, clock):
    work(throughput, clock, 2, 100)
    clock.now += 20
    work(throughput, clock, 2, 100)
    assert throughput.last_minute() == (200, 50.0)


def test_two_wake_ups_at_the_same_time_are_one_time(throughput, clock):
    throughput.begin()
    throughput.begin()
    clock.now += 4
    throughput.decided(100)
    throughput.end()
    clock.now += 1
    throughput.decided(100)
    throughput.end()
    assert throughput.last_minute() == (200, 40.0)


def test_after_a_minute_only_the_rate_is_remembered(throughput, clock):
    work(throughput, clock, 2, 100)
    assert throughput.last_minute() == (100, 50.0)  # a heartbeat looks every two seconds
    clock.now += 61
    assert throughput.last_minute() == (0, 50.0)


def test_a_minute_of_work_without_an_outcome_does_not_change_the_rate(throughput, clock):
    work(throughput, clock, 2, 100)
    assert throughput.last_minute() == (100, 50.0)
    throughput.begin()
    clock.now += 70
    assert throughput.last_minute() == (0, 50.0)
