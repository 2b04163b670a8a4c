"""The pictures of one wake-up, fetched ahead of the classifier.

All at once: a store and its client spend half as much on requests that come in a burst as on requests one by one between
inferences (measured; each time both find their caches cold). What bounds it is how many are under way and the bytes that
lie about, for each wake-up on its own: one wake-up's slow pictures do not hold up another's.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue

from contracts.ledger import ClaimedItem
from contracts.ports import ImageSource
from worker.classify import Fetched, fetched

AT_ONCE = 8
MAX_HELD_BYTES = 12 * 1024 * 1024


class Fetches:
    """For one thread; the pictures come on threads of the source."""

    def __init__(
        self, items: Sequence[ClaimedItem], images: ImageSource, *, at_once: int = AT_ONCE, max_held_bytes: int = MAX_HELD_BYTES
    ) -> None:
        """Begin to fetch, `at_once` pictures at a time, and none while `max_held_bytes` are fetched and not taken yet."""
        self._images, self._at_once, self._most = images, at_once, max_held_bytes
        self._waiting = deque(items)
        self._under_way: dict[Future[bytes], ClaimedItem] = {}
        self._came: SimpleQueue[tuple[ClaimedItem, Fetched]] = SimpleQueue()
        self._next: tuple[ClaimedItem, Fetched] | None = None
        self._left = {item.event_id: item for item in items}
        self._held = 0
        self._beginning = self._closed = False
        self._lock = threading.Lock()
        self._begin_more()

    def __bool__(self) -> bool:
        """Return whether anything is left to take."""
        return bool(self._left)

    def ready(self) -> bool:
        """Return whether a picture can be taken now."""
        return self._next is not None or not self._came.empty()

    def wait(self, timeout_s: float) -> bool:
        """Return whether a picture can be taken, waiting for it at most `timeout_s`."""
        if self._next is None:
            try:
                self._next = self._came.get(timeout=timeout_s)
            except Empty:
                return False
        return True

    def take(self) -> tuple[ClaimedItem, Fetched]:
        """Return the next picture that has come, in no order; `wait` said that there is one."""
        item, picture = self._next or self._came.get()
        self._next = None
        del self._left[item.event_id]
        with self._lock:
            self._held -= _size(picture)
        self._begin_more()
        return item, picture

    def leave(self) -> list[ClaimedItem]:
        """Take no more; returns the items that were not taken."""
        with self._lock:
            self._waiting.clear()
            self._closed = True
            under_way = list(self._under_way)
        for future in under_way:
            future.cancel()
        left, self._left = list(self._left.values()), {}
        return left

    def _begin_more(self) -> None:
        # One thread at a time: a source that answers at once would otherwise call this from within itself for each item.
        with self._lock:
            if self._beginning:
                return
            self._beginning = True
        while item := self._next_to_begin():
            self._begin(item)

    def _next_to_begin(self) -> ClaimedItem | None:
        with self._lock:
            if self._waiting and len(self._under_way) < self._at_once and self._held < self._most:
                return self._waiting.popleft()
            self._beginning = False
            return None

    def _begin(self, item: ClaimedItem) -> None:
        started = time.perf_counter()
        try:
            future = self._images.begin(item.image_url)
        except Exception as error:  # noqa: BLE001 - it hits this item alone; `fetched` sorts it
            future = Future()
            future.set_exception(error)
        with self._lock:
            self._under_way[future] = item
            closed = self._closed
        if closed:
            future.cancel()
        future.add_done_callback(partial(self._on_done, started))

    def _on_done(self, started: float, future: Future[bytes]) -> None:
        picture = None if future.cancelled() else fetched(future.result, started)
        with self._lock:
            item = self._under_way.pop(future)
            self._held += _size(picture)
        if picture:
            self._came.put((item, picture))
        self._begin_more()


def _size(picture: Fetched | None) -> int:
    return len(picture.data) if picture and isinstance(picture.data, bytes) else 0
