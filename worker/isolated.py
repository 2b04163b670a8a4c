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

    def __init__(
        self,
        classifier: ItemClassifier,
        argv: Callable[[], Sequence[str]],
        *,
        model: Callable[[], object] = lambda: None,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        """`argv()` and the number of a file descriptor start a child that calls `serve` on it.

        Another `model()` is another child, and `tick()` is called before each time that an item may take.
        """
        self._classifier, self._argv, self._model, self._tick = classifier, argv, model, tick
        self._child: subprocess.Popen[bytes] | None = None
        self._line: Connection | None = None
        self._of: object = None
        self._begun = False
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
        """Return what becomes of an item; a child that it kills or in which it hangs makes it poison.

        Killed, it must have had no other item: one that ran others may have died of them, or of want of memory while it waited.
        A child that could not begin, or was told to end together with its worker, is no evidence either: the item is tried
        again. Raises what `argv` does.
        """
        self._tick()
        if self._line and self._of == self._model() and (result := self._ask(self._line, item)):
            return result
        self._end(_LAST_WORDS_S)
        self._tick()
        try:
            line = self._start()
        except OSError as error:
            return self._again(item, f"its process did not start: {error}")
        return self._ask(line, item) or self._judge(item, self._end(_LAST_WORDS_S))

    def _ask(self, line: Connection, item: ClaimedItem) -> Result | None:
        """Return what the child answers, or that it hangs; None if it ends before."""
        self._begun, until = False, time.monotonic() + TIMEOUT_S
        try:
            line.send(item)
            self._begun = _heard(line, until) == item.event_id
            result = _heard(line, until)
        except TimeoutError:
            return self._hung(item)
        except (EOFError, OSError, pickle.UnpicklingError):
            return None
        assert isinstance(result, Decided | Postponed)  # noqa: S101 - what serve sends
        return result

    def _hung(self, item: ClaimedItem) -> Result:
        self._end(0)
        if not self._begun:
            return self._again(item, f"its process did not begin within {TIMEOUT_S:g} s")
        return self._classifier.fail(item, ItemPoisonous(f"alone, it took over {TIMEOUT_S:g} s"))

    def _judge(self, item: ClaimedItem, code: int) -> Result:
        if not self._begun or code >= 0 or code in _TOLD_TO_END:
            return self._again(item, f"its process ended with code {code}; the log says why")
        return self._classifier.fail(item, ItemPoisonous(f"alone, its process died of {signal.Signals(-code).name}"))

    def _again(self, item: ClaimedItem, why: str) -> Result:
        return self._classifier.classify(item, Fetched(ItemUnexpected(f"alone, {why}"), 0.0))

    def _start(self) -> Connection:
        of, argv = self._model(), self._argv()
        ours, theirs = Pipe()
        with theirs:
            end = theirs.fileno()
            try:
                # A session of its own: what is sent to the worker's group is no evidence either.
                self._child = subprocess.Popen([*argv, str(end)], pass_fds=[end], start_new_session=True)
            except BaseException:
                ours.close()
                raise
        self._line, self._of = ours, of
        return ours

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


def _heard(line: Connection, until: float) -> object:
    """Return what comes next; raises TimeoutError, and EOFError or OSError when the other side has ended."""
    if not line.poll(max(0.0, until - time.monotonic())):
        raise TimeoutError
    return line.recv()


def serve(classifier: ItemClassifier, images: ImageSource, end: int) -> int:
    """Be the child: answer items on the file descriptor `end` until the parent hangs up; returns the exit code."""
    with suppress(OSError):
        # Where memory ends, the child shall die of it and not its parent.
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    with Connection(end) as line, suppress(EOFError, OSError):
        while True:
            item: ClaimedItem = line.recv()
            line.send(item.event_id)  # from here on this process' end speaks against the item
            line.send(classifier.classify(item, _fetch(item, images)))
    return 0


def _fetch(item: ClaimedItem, images: ImageSource) -> Fetched:
    return fetched(lambda: images.begin(item.image_url).result(_FETCH_S), time.perf_counter())
