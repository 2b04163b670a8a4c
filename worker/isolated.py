"""Suspects, each alone in a process: two holders of each vanished. Only what becomes of that process is evidence against one.

One child serves the suspects of all wake-ups of a worker one after the other, since its start takes a hundred times as long
as an item. When each wake-up had one of its own, workers that were killed every few seconds lost the same events again before
their children had begun.
"""

import pickle
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from contracts.errors import ItemPoisonous, ItemUnexpected
from contracts.ledger import ClaimedItem
from contracts.ports import ImageSource
from worker.classify import Decided, Fetched, ItemClassifier, Postponed, Result, fetched

TIMEOUT_S = 45.0
_FETCH_S = 20.0
"""A download ends by itself in 15 s; one that does not says nothing against the item."""
_LAST_WORDS_S = 5.0
_TOLD_TO_END = (-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)


class Isolated:
    """Runs items in a child process that is started with the first one and again after each that ends it.

    It is there as long as anybody is in this context. Safe to use from several threads.
    """

    def __init__(self, classifier: ItemClassifier, argv: Callable[[], Sequence[str]]) -> None:
        """`argv()` and the number of a file descriptor start a child that calls `serve` on it; another command is another child."""
        self._classifier, self._argv = classifier, argv
        self._child: subprocess.Popen[bytes] | None = None
        self._line: Connection | None = None
        self._command: list[str] = []
        self._guests, self._door, self._turn = 0, Lock(), Lock()

    def __enter__(self) -> Self:
        """Start nothing yet."""
        with self._door:
            self._guests += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """End the child if nobody else is here."""
        with self._door:
            self._guests -= 1
            last = not self._guests
        if last and self._turn.acquire(blocking=False):  # else somebody has come who will be the last
            try:
                self._end(_LAST_WORDS_S)
            finally:
                self._turn.release()

    @contextmanager
    def turn(self, timeout_s: float) -> Iterator[Callable[[ClaimedItem], Result] | None]:
        """Lend what runs an item, to one thread at a time; None if others have had it for `timeout_s`."""
        if not self._turn.acquire(timeout=timeout_s):
            yield None
            return
        try:
            yield self._run
        finally:
            self._turn.release()

    def _run(self, item: ClaimedItem) -> Result:
        """Return what becomes of an item; a child that is killed by it or hangs makes it poison.

        A child that could not begin, or was told to end together with its worker, is no evidence: the item is tried again.
        """
        try:
            line = self._open_line()
            line.send(item)
            if not line.poll(TIMEOUT_S):
                self._end(0)
                return self._classifier.fail(item, ItemPoisonous(f"alone, it took over {TIMEOUT_S:g} s"))
            result = line.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            return self._judge(item, self._end(_LAST_WORDS_S))
        assert isinstance(result, Decided | Postponed)  # noqa: S101 - what serve sends
        return result

    def _judge(self, item: ClaimedItem, code: int) -> Result:
        if code >= 0 or code in _TOLD_TO_END:
            error = ItemUnexpected(f"alone, its process ended with code {code}; the log says why")
            return self._classifier.classify(item, Fetched(error, 0.0))
        return self._classifier.fail(item, ItemPoisonous(f"alone, its process died of {signal.Signals(-code).name}"))

    def _open_line(self) -> Connection:
        command = list(self._argv())
        if self._line and command != self._command:
            self._end(_LAST_WORDS_S)
        return self._line or self._start(command)

    def _start(self, command: list[str]) -> Connection:
        self._line, theirs = Pipe()
        with theirs:
            end = theirs.fileno()
            # A session of its own: what is sent to the worker's group is no evidence either.
            self._child = subprocess.Popen([*command, str(end)], pass_fds=[end], start_new_session=True)
        self._command = command
        return self._line

    def _end(self, patience_s: float) -> int:
        """Hang up, see the child off and return its exit code; 0 if there was none, or it had to be killed from here."""
        line, child, self._line, self._child = self._line, self._child, None, None
        if line:
            line.close()
        if child is None:
            return 0
        try:
            return child.wait(patience_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            return 0


def serve(classifier: ItemClassifier, images: ImageSource, end: int) -> int:
    """Be the child: answer items on the file descriptor `end` until the parent hangs up; returns the exit code."""
    with suppress(OSError):
        # Where memory ends, the child shall die of it and not its parent.
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    with Connection(end) as line, suppress(EOFError, OSError):
        while True:
            item: ClaimedItem = line.recv()
            line.send(classifier.classify(item, _fetch(item, images)))
    return 0


def _fetch(item: ClaimedItem, images: ImageSource) -> Fetched:
    return fetched(lambda: images.begin(item.image_url).result(_FETCH_S), time.perf_counter())
