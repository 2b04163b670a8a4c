"""The pictures of a wake-up, fetched ahead."""

import threading
import time
from datetime import UTC, datetime

import pytest

from contracts.errors import ImageMissing
from contracts.ledger import ClaimedItem
from tests.conftest import wait_for
from tests.makers import an_event
from worker.fetches import AT_ONCE, Fetcher, Fetches


class Store:
    """Answers when it is let, and notes what was asked."""

    def __init__(self, data=b"12345"):
        self.asked, self.open, self.data = [], threading.Event(), data
        self.open.set()

    def fetch(self, url):
        self.asked.append(url)
        self.open.wait(5)
        if "missing" in url:
            raise ImageMissing(url)
        return self.data


@pytest.fixture
def store():
    return Store()


def items(number, url="s3://waste-images/{}.jpg"):
    now, made = datetime.now(UTC), []
    for place in range(number):
        event = an_event(image_url=url.format(place))
        made.append(ClaimedItem(event.event_id, event.sensor_id, event.image_url, event.captured_at, now, now, 1, 0, 5.0))
    return made


def test_every_item_comes_once_with_its_picture_or_its_error(store):
    wanted = [*items(40), *items(2, "s3://waste-images/missing-{}.jpg")]
    fetches, came = Fetches(wanted, Fetcher(store)), []
    while fetches:
        came.append(fetches.take(1))
    assert {item.event_id for item, _ in came} == {item.event_id for item in wanted}
    assert len(came) == 42
    assert sum(isinstance(fetched.data, ImageMissing) for _, fetched in came) == 2


def test_a_bounded_number_is_fetched_at_the_same_time(store):
    store.open.clear()
    fetches = Fetches(items(64), Fetcher(store, at_once=8))
    wait_for(lambda: len(store.asked) == 8)
    time.sleep(0.2)
    assert len(store.asked) == 8
    store.open.set()
    assert len(drained(fetches)) == 64


def test_slow_pictures_of_one_wake_up_do_not_hold_up_another(store):
    fetcher, slow = Fetcher(store), []
    store.open.clear()
    thread = threading.Thread(target=lambda: slow.append(Fetches(items(64), fetcher)))
    thread.start()
    thread.join()
    wait_for(lambda: len(store.asked) == AT_ONCE)
    store.open = threading.Event()
    store.open.set()
    assert len(drained(Fetches(items(5), fetcher))) == 5


def test_no_picture_is_fetched_while_too_many_bytes_lie_about(store):
    fetches = Fetches(items(10), Fetcher(store, at_once=1, max_held_bytes=12))
    wait_for(lambda: len(store.asked) == 3)
    time.sleep(0.3)
    assert len(store.asked) == 3
    assert len(drained(fetches)) == 10


def test_what_is_left_comes_back_and_frees_its_bytes(store):
    fetcher = Fetcher(store, max_held_bytes=50)
    store.open.clear()
    wanted = items(20)
    fetches = Fetches(wanted, fetcher)
    assert fetches.take(0.01) is None
    assert {item.event_id for item in fetches.leave()} == {item.event_id for item in wanted}
    assert not fetches
    store.open.set()
    assert len(drained(Fetches(items(30), fetcher))) == 30
    wait_for(lambda: fetcher._held == 0)


def drained(fetches):
    came = []
    while fetches:
        came += [fetches.take(1)]
    return [one for one in came if one]
