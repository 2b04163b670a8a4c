"""The program while it runs: one thread takes pictures, another sends; each survives what the other meets."""

import contextlib
import fcntl
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import structlog

from contracts.errors import FleetError, SettingsInvalid
from producer.edge.camera import Camera
from producer.edge.folder import Folder
from producer.edge.sender import Sender
from producer.edge.shelf import ShelfBroken, ShelfFull

_LOOK_S = 0.5
_FULL_S = 10.0
_END_S = 3.0
_MOST_WAIT_S = 3600.0
_MOST_SHOTS = 5
_RENEW_S = 900.0
_HANGS_S = 3600.0 + 1800.0
"""No pause is longer than an hour, and no step with its batch than half of one."""
_LOCK_TRIES, _LOCK_S = 5, 0.1

_log = structlog.get_logger("waste")


class Asking(Protocol):
    """Asks for what the fleet says, where this bin has answered by itself before."""

    def ask_one(self) -> float:
        """Ask for one and return after how many seconds to come again."""


class ThreadEnded(FleetError):
    """A part of the program ended while the rest went on."""

    reason = "thread_ended"


class LockHeld(FleetError):
    """Another `waste edge run` has this outbox."""

    reason = "lock_held"


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold an outbox for this program alone; raises LockHeld, and SettingsInvalid if the file cannot be made."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsInvalid(f"WASTE_STATE_DIR: {path} cannot be written: {error.strerror}") from None
    try:
        if not any(_try(handle) for _ in range(_LOCK_TRIES)):
            raise LockHeld(f"{path} is locked; stop that one first, or give this one another WASTE_STATE_DIR")
        yield
    finally:
        os.close(handle)


def _try(handle: int) -> bool:
    """Return whether the lock could be had; a status that is just being read holds it for a moment."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        time.sleep(_LOCK_S)
        return False
    return True


def locked(path: Path) -> bool:
    """Return whether a program runs on this outbox."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


@dataclass(slots=True)
class Running:
    """Takes and sends until it is told to end. `every_s` is how often the camera shoots by itself (0: on SIGUSR1 alone).

    `renews` says that only a new start gets a new credential, as it is with systemd, which copies it when it starts a program.
    """

    sender: Sender
    folder: Folder | None = None
    camera: Camera | None = None
    every_s: float = 0.0
    asking: Asking | None = None
    renews: bool = False
    _ending: threading.Event = field(default_factory=threading.Event)
    _wake: threading.Event = field(default_factory=threading.Event)
    _failed: FleetError | None = None
    _shots: int = 0
    _step_s: float = float("inf")

    def run(self) -> None:
        """Run. SIGTERM and SIGINT end it after what is under way; SIGUSR1 makes the camera shoot."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.end())
        signal.signal(signal.SIGUSR1, lambda *_: self.trigger())
        threads = [self._thread("send", self._send)]
        if self.asking:
            threads.append(self._thread("ask", self._ask))
        for thread in threads:
            thread.start()
        tell_systemd("READY=1")
        try:
            self._take()
        finally:
            tell_systemd("STOPPING=1")
            self.end()
            until_s = time.monotonic() + _END_S
            for thread in threads:
                # What hangs on the line may be left: it is in the outbox, and sent again at the next start.
                thread.join(max(0.0, until_s - time.monotonic()))
        if self._failed:
            raise self._failed

    def _thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """Return a thread with whose end the program ends, to be started anew: one that went on without it would look well."""

        def guarded() -> None:
            try:
                work()
            except BaseException:  # noqa: BLE001 - whatever it was, it is told and the program ends
                _log.exception("thread_failed", thread=name)
            if not self._ending.is_set():
                self._failed = self._failed or ThreadEnded(name)
                self.end()

        return threading.Thread(target=guarded, name=name, daemon=True)

    def end(self) -> None:
        """End soon."""
        self._ending.set()
        self._wake.set()

    def trigger(self) -> None:
        """Shoot once more, as soon as possible. What would come minutes late would show another item, and is not shot."""
        self._shots = min(self._shots + 1, _MOST_SHOTS)
        self._wake.set()

    def _take(self) -> None:
        due_s = now_s = self.sender.clock().since_boot_s
        while not self._ending.is_set():
            wait_s = self._guarded(self._take_once, _LOOK_S) if self.folder else _FULL_S
            now_s = self.sender.clock().since_boot_s
            if self.every_s and now_s >= due_s:
                self._shots, due_s = self._shots + 1, max(due_s + self.every_s, now_s)
            # What is asked for meanwhile comes in the next round, so that the folder and the sign of life have their turn.
            if self.camera and self._shots:
                self._shots -= 1
                self._guarded(self._shoot, 0.0)
            self._look_after_the_sender()
            if self.every_s:
                wait_s = min(wait_s, max(0.0, due_s - self.sender.clock().since_boot_s))
            self._wake.wait(0.0 if self.camera and self._shots else wait_s)
            self._wake.clear()

    def _look_after_the_sender(self) -> None:
        """Tell systemd that the program lives, and end it, to be started anew, if the sender hangs on what nothing bounds."""
        tell_systemd("WATCHDOG=1")
        if self.sender.clock().since_boot_s > self._step_s + _HANGS_S:
            _log.error("sender_hangs", hint="the program ends, to be started anew; nothing is lost")
            self._failed = self._failed or ThreadEnded("send")
            self.end()

    def _take_once(self) -> float:
        taken = self.folder.take_all() if self.folder else 0
        return 0.0 if taken else _LOOK_S

    def _shoot(self) -> float:
        if self.camera:
            self.camera.shoot()
        return 0.0

    def _send(self) -> None:
        while not self._ending.is_set():
            self._step_s = self.sender.clock().since_boot_s
            wait_s = self._guarded(self.sender.step, _FULL_S)
            if self.renews and self.sender.unbelieved:
                self._ending.wait(max(wait_s, _RENEW_S))
                _log.warning("ended_for_a_new_credential", hint="whoever starts this program starts it with the one in force")
                self.end()
            self._ending.wait(wait_s)

    def _ask(self) -> None:
        while self.asking and not self._ending.is_set():
            self._ending.wait(self._guarded(self.asking.ask_one, _FULL_S))

    def _guarded(self, work: Callable[[], float], otherwise_s: float) -> float:
        """Do some work; what goes wrong with it ends neither thread."""
        try:
            return min(_MOST_WAIT_S, work())
        except ShelfFull as error:
            _log.error("outbox_full", why=error.detail, hint="make room on the disk; what is kept is sent meanwhile")
        except ShelfBroken as error:
            _log.error("outbox_broken", why=error.detail, ends=error.damaged)
            if error.damaged:
                # The next start looks at the file and goes on with what of it can be read.
                self._failed = error
                self.end()
        except OSError as error:
            _log.error("system_error", why=f"{error.strerror}: {error.filename or ''}")
        except Exception:  # noqa: BLE001 - a bin that stands by itself for months goes on with what it can
            _log.exception("unforeseen")
        return max(otherwise_s, _FULL_S)


def tell_systemd(state: str) -> None:
    """Tell systemd what it asked for (sd_notify); nothing where it asked for nothing."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    address = f"\0{address[1:]}" if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(state.encode(), address)
