"""The pictures of a wake-up, fetched ahead."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from contracts.errors import ImageForbidden, ImageMissing, ItemUnexpected
from contracts.ledger import ClaimedItem
from tests.conftest import wait_for
from tests.makers import an_event
from worker.fetches import Fetches


class Store:
    """Answers from threads when it is let, and notes what was asked."""

    def __init__(self, data=b"12345"):
        self.asked, self.open, self.data, self.begun = [], threading.Event(), data, []
        self.threads = ThreadPoolExecutor(64)
        self.open.set()

    def begin(self, url):
        if "forbidden" in url:
            raise ImageForbidden(url)
        self.asked.append(url)
        self.begun.append(self.threads.submit(self.answer, url, self.open))
        return self.begun[-1]

    def answer(self, url, may):
        may.wait(5)
        if "missing" in url:
            raise ImageMissing(url)
        if "odd" in url:
            raise ValueError("unforeseen")
        return self.data


class SlowStore:
    """Never answers; its transfers can be given up."""

    def __init__(self):
        self.begun = []

    def begin(self, url):
        self.begun.append(Future())
        return self.begun[-1]


@pytest.fixture
def store():
    return Store()


def items(number, url="s3://waste-images/{}.jpg"):
    now, made = datetime.now(UTC), []
    for place in range(number):
        event = an_event(image_url=url.format(place))
        made.append(ClaimedItem(event.event_id, event.sensor_id, event.image_url, event.captured_at, 1.0, now, 1, 0, 5.0))
    return made


def test_every_item_comes_once_with_its_picture_or_its_error(store):
    kinds = {"{}": 40, "missing-{}": 2, "odd-{}": 1, "forbidden-{}": 3}
    wanted = [item for name, number in kinds.items() for item in items(number, f"s3://waste-images/{name}.jpg")]
    came = drained(Fetches(wanted, store))
    assert sorted(item.event_id for item, _ in came) == sorted(item.event_id for item in wanted)
    errors = [type(picture.data) for _, picture in came if not isinstance(picture.data, bytes)]
    assert sorted(errors, key=str) == sorted([ImageMissing] * 2 + [ItemUnexpected] + [ImageForbidden] * 3, key=str)


def test_a_source_that_answers_at_once_is_not_called_from_within_itself():
    class AtOnce:
        def begin(self, url):
            future = Future()
            future.set_result(b"1")
            return future

    assert len(drained(Fetches(items(5000), AtOnce()))) == 5000


def test_a_bounded_number_is_fetched_at_the_same_time(store):
    store.open.clear()
    fetches = Fetches(items(64), store, at_once=8)
    time.sleep(0.2)
    assert len(store.asked) == 8
    store.open.set()
    assert len(drained(fetches)) == 64


def test_slow_pictures_of_one_wake_up_do_not_hold_up_another(store):
    store.open.clear()
    slow = Fetches(items(64), store)
    store.open = threading.Event()
    store.open.set()
    assert len(drained(Fetches(items(64), store))) == 64
    assert not slow.ready()


def test_no_picture_is_fetched_while_too_many_bytes_lie_about(store):
    fetches = Fetches(items(10), store, at_once=1, max_held_bytes=12)
    wait_for(lambda: len(store.asked) == 3)
    time.sleep(0.3)
    assert len(store.asked) == 3
    assert len(drained(fetches)) == 10


def test_what_is_left_comes_back_and_is_given_up():
    slow, wanted = SlowStore(), items(20)
    fetches = Fetches(wanted, slow, at_once=8)
    slow.begun[0].set_result(b"came")
    assert fetches.wait(1)
    assert {item.event_id for item in fetches.leave()} == {item.event_id for item in wanted}
    assert not fetches
    assert [future.cancelled() for future in slow.begun[1:]] == [True] * 8
    assert len(slow.begun) == 9


def test_nothing_comes_of_a_store_that_does_not_answer():
    fetches = Fetches(items(2), SlowStore())
    assert not fetches.wait(0.05)
    assert not fetches.ready()
    assert fetches


def drained(fetches):
    came = []
    while fetches:
        assert fetches.wait(5)
        came.append(fetches.take())
    return came
