"""The pictures of one wake-up, fetched ahead of the classifier.

All at once: a store and its client spend half as much on requests that come in a burst as on requests one by one between
inferences (measured; each time both find their caches cold). What bounds it are a few threads and the bytes that lie about.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue

from contracts.ledger import ClaimedItem
from contracts.ports import ImageSource
from worker.classify import Fetched, fetch

AT_ONCE = 8
MAX_HELD_BYTES = 24 * 1024 * 1024


class Fetcher:
    """Fetches in threads, and waits with the next picture while too many bytes lie about. Shared by all wake-ups.

    Each thread that works through wake-ups has fetching threads of its own: one wake-up's slow pictures do not
    hold up another's.
    """

    def __init__(self, images: ImageSource, *, at_once: int = AT_ONCE, max_held_bytes: int = MAX_HELD_BYTES) -> None:
        """Begin no fetch while `max_held_bytes` are fetched and not taken yet."""
        self._images, self._at_once, self._most = images, at_once, max_held_bytes
        self._held = 0
        self._room = threading.Condition()
        self._own = threading.local()

    def begin(self, item: ClaimedItem) -> Future[Fetched]:
        """Fetch an item's picture; give the future to `taken` once, when the result is not needed any more."""
        if not hasattr(self._own, "threads"):
            self._own.threads = ThreadPoolExecutor(self._at_once, "fetch")
        threads: ThreadPoolExecutor = self._own.threads
        return threads.submit(self._fetch, item)

    def taken(self, future: Future[Fetched]) -> None:
        """Let the bytes of a fetch that is done, or was cancelled before it began, count no more."""
        if future.cancelled():
            return
        with self._room:
            self._held -= _size(future.result())
            self._room.notify_all()

    def _fetch(self, item: ClaimedItem) -> Fetched:
        with self._room:
            self._room.wait_for(lambda: self._held < self._most)
        fetched = fetch(item, self._images)
        with self._room:
            self._held += _size(fetched)
        return fetched


class Fetches:
    """The fetches of one wake-up. For one thread."""

    def __init__(self, items: Sequence[ClaimedItem], fetcher: Fetcher) -> None:
        """Begin to fetch all pictures."""
        self._fetcher = fetcher
        self._running: dict[Future[Fetched], ClaimedItem] = {}
        self._done: SimpleQueue[Future[Fetched]] = SimpleQueue()
        for item in items:
            future = fetcher.begin(item)
            self._running[future] = item
            future.add_done_callback(self._done.put)

    def __bool__(self) -> bool:
        """Return whether anything is left to take."""
        return bool(self._running)

    def take(self, timeout_s: float) -> tuple[ClaimedItem, Fetched] | None:
        """Return the next picture that has come, in no order; nothing if none comes within `timeout_s`."""
        with suppress(Empty):
            future = self._done.get(timeout=timeout_s)
            self._fetcher.taken(future)
            return self._running.pop(future), future.result()
        return None

    def leave(self) -> list[ClaimedItem]:
        """Take no more; returns the items that were not taken."""
        left, self._running = self._running, {}
        for future in left:
            future.cancel()
            future.add_done_callback(self._fetcher.taken)
        return list(left.values())


def _size(fetched: Fetched) -> int:
    return len(fetched.data) if isinstance(fetched.data, bytes) else 0
