"""Many HTTP GETs side by side on one thread, by libcurl.

One picture of 25 KB costs the worker a third of what it costs with a thread and an `http.client` for each, and the store
less too, since requests come as close together as answers allow (measured: docs/decisions/0006).
Source: https://curl.se/libcurl/c/libcurl-multi.html, "multi_socket".
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from socket import socketpair
from typing import Any, Generic, TypeVar

import pycurl
import structlog

from adapters.http.curl_handles import cause_of, new_curl, status_of
from adapters.http.downloads import DownloadLimits

_KEPT_CONNECTIONS = 32
_ERROR = 300
_IDLE_S = 60.0
_REOPEN_EVERY_S = 1.0
_WANTED = {
    pycurl.POLL_IN: EVENT_READ,
    pycurl.POLL_OUT: EVENT_WRITE,
    pycurl.POLL_INOUT: EVENT_READ | EVENT_WRITE,
}


Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: at most `DownloadLimits.max_bytes` of body; `retry_after_s` only if it asked for that."""

    status: int
    body: bytes
    retry_after_s: float | None


@dataclass(slots=True)
class _Transfer(Generic[Result]):
    url: str
    headers: Mapping[str, str]
    meaning: Callable[[Answer], Result]
    future: Future[Result] = field(default_factory=Future)
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    until: float = 0.0
    fresh: bool = False

    def succeed(self, status: int, retry_after_s: float | None) -> None:
        """Give the future what the answer means."""
        if not self.future.set_running_or_notify_cancel():
            return
        body = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        self.parts.clear()
        try:
            result = self.meaning(Answer(status, body, retry_after_s))
        except Exception as error:  # noqa: BLE001 - whoever asked for it sorts it
            self.future.set_exception(error)
        else:
            self.future.set_result(result)

    def fail(self, error: Exception) -> None:
        """Give the future an error."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)


class Transfers:
    """GETs that follow no redirect and obey no proxy variable. Safe to use from several threads.

    The thread that works on them starts with the first one and lasts as long as the process.
    """

    def __init__(self, limits: DownloadLimits) -> None:
        """Let each transfer take what `limits` allow; one that is slower than their least rate for 5 s ends."""
        self._limits = limits
        self._new: deque[_Transfer[Any]] = deque()
        self._running: dict[Any, _Transfer[Any]] = {}
        self._spare: list[Any] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._due: float | None = None

    def begin(self, url: str, headers: Mapping[str, str], meaning: Callable[[Answer], Result]) -> Future[Result]:
        """Send a GET as soon as may be; the future holds what the answer means, and cancelling it ends the transfer.

        It raises what `meaning` raises, and ImageTooLarge, ImageTruncated or ImageSourceDown. `meaning` and the
        future's callbacks run on the transfers' thread, and may begin others.
        """
        transfer = _Transfer(url, headers, meaning)
        transfer.future.add_done_callback(self._on_cancel)
        self._new.append(transfer)
        if threading.current_thread() is not self._thread:
            self._wake()
        return transfer.future

    def _wake(self) -> None:
        with self._lock:
            if self._thread is None:
                self._bell, self._ears = socketpair()
                self._bell.setblocking(False)
                self._open()
                thread = threading.Thread(target=self._run, name="transfers", daemon=True)
                thread.start()
                self._thread = thread
        self._ring()

    def _on_cancel(self, future: Future[Any]) -> None:
        if future.cancelled():
            self._ring()

    def _ring(self) -> None:
        with suppress(BlockingIOError):  # then it rings already
            self._bell.send(b"!")

    def _open(self) -> None:
        self._selector = DefaultSelector()
        self._selector.register(self._ears, EVENT_READ)
        self._multi: Any = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, _KEPT_CONNECTIONS)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)

    def _run(self) -> None:
        while True:
            try:
                self._go_round()
            except Exception as error:  # noqa: BLE001 - see `_begin_anew`
                structlog.get_logger("waste").exception("transfers_failed")
                self._begin_anew(error)

    def _begin_anew(self, error: Exception) -> None:
        """Fail what is under way, and go on with a fresh libcurl: its state after an unforeseen error is anybody's guess.

        This thread's end would leave every picture of the process waiting.
        """
        running, self._running, self._due = list(self._running.items()), {}, None
        self._spare.clear()
        for curl, transfer in running:
            with suppress(Exception):
                self._multi.remove_handle(curl)
            transfer.fail(error)
        with suppress(Exception):
            self._multi.close()
        self._selector.close()
        while not self._reopened():
            time.sleep(_REOPEN_EVERY_S)

    def _reopened(self) -> bool:
        try:
            self._open()
        except Exception:  # noqa: BLE001 - such as no descriptor left, which passes
            return False
        return True

    def _go_round(self) -> None:
        self._start_new()
        for key, mask in self._selector.select(self._pause_s()):
            if key.fileobj is self._ears:
                self._ears.recv(4096)
                self._end_cancelled()
            else:
                self._multi.socket_action(key.fd, _curl_mask(mask))
        if self._due is not None and time.monotonic() >= self._due:
            self._due = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._collect()

    def _pause_s(self) -> float:
        if self._new:
            return 0.0
        return _IDLE_S if self._due is None else max(0.0, self._due - time.monotonic())

    def _start_new(self) -> None:
        while self._new:
            transfer = self._new.popleft()
            if transfer.future.cancelled():
                continue
            try:
                curl = self._spare.pop() if self._spare else new_curl(self._limits)
                curl.setopt(pycurl.URL, transfer.url)
                curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in transfer.headers.items()])
                curl.setopt(pycurl.WRITEFUNCTION, self._writer(transfer))
                curl.setopt(pycurl.FRESH_CONNECT, int(transfer.fresh))
                curl.setopt(pycurl.TIMEOUT_MS, self._milliseconds_left(transfer))
                self._multi.add_handle(curl)
            except Exception as error:  # noqa: BLE001 - it is this transfer's alone; whoever asked for it sorts it
                transfer.fail(error)
            else:
                self._running[curl] = transfer

    def _milliseconds_left(self, transfer: _Transfer[Any]) -> int:
        now = time.monotonic()
        transfer.until = transfer.until or now + self._limits.total_s
        return max(1, int((transfer.until - now) * 1000))

    def _writer(self, transfer: _Transfer[Any]) -> Any:
        most, parts = self._limits.max_bytes, transfer.parts

        def write(chunk: bytes) -> int | None:
            transfer.size += len(chunk)
            if transfer.size > most:
                return -1
            parts.append(chunk)
            return None

        return write

    def _on_socket(self, what: int, descriptor: int, _: Any, __: Any) -> None:
        known = descriptor in self._selector.get_map()
        if what == pycurl.POLL_REMOVE:
            if known:
                self._selector.unregister(descriptor)
        elif wanted := _WANTED.get(what):
            (self._selector.modify if known else self._selector.register)(descriptor, wanted)

    def _on_timer(self, milliseconds: int) -> None:
        self._due = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    def _end_cancelled(self) -> None:
        for curl in [curl for curl, transfer in self._running.items() if transfer.future.cancelled()]:
            self._release(curl)

    def _release(self, curl: Any) -> _Transfer[Any]:
        self._multi.remove_handle(curl)
        curl.setopt(pycurl.WRITEFUNCTION, _drop)  # a spare handle shall keep nobody's picture
        self._spare.append(curl)
        return self._running.pop(curl)

    def _collect(self) -> None:
        more = 1
        while more:
            more, done, failed = self._multi.info_read()
            for curl in done:
                status, retry_after_s = status_of(curl)
                self._release(curl).succeed(status, retry_after_s)
            for curl, code, message in failed:
                status, retry_after_s = status_of(curl)
                transfer = self._release(curl)
                if code == pycurl.E_SEND_ERROR and not status and not transfer.fresh:
                    # libcurl met five dead ones among its kept connections, such as after a restart of the store.
                    transfer.fresh = True
                    self._new.append(transfer)
                elif status < _ERROR:
                    transfer.fail(cause_of(code, message, self._limits))
                else:  # an error is an error, however its text ends
                    transfer.succeed(status, retry_after_s)


def _drop(_: bytes) -> None:
    pass


def _curl_mask(mask: int) -> int:
    return (pycurl.CSELECT_IN if mask & EVENT_READ else 0) | (pycurl.CSELECT_OUT if mask & EVENT_WRITE else 0)
