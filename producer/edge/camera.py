"""A camera that is a command: it writes one picture to its standard output."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from contracts.errors import FleetError
from contracts.limits import MAX_IMAGE_BYTES
from producer.edge.clocks import Moment
from producer.edge.shelf import ShelfFull
from producer.edge.taking import PictureUnusable, Taker

_MOST_COMPLAINT = 300
_MOST_PICTURE, _MOST_TEXT = 2 * MAX_IMAGE_BYTES, 4096
_BLOCK = 65_536
_LOOK_S, _BURIED_S = 0.02, 2.0
_OWN = ("DEVICE_TOKEN", "DEVICE_CREDENTIAL", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_")

_log = structlog.get_logger("waste")


class CameraFailed(FleetError):
    """The camera's command made no picture."""

    reason = "camera_failed"


@dataclass(slots=True)
class Camera:
    """Runs `command` for each picture, for at most `timeout_s`."""

    command: Sequence[str]
    taker: Taker
    clock: Callable[[], Moment]
    timeout_s: float = 20.0

    def shoot(self) -> bool:
        """Take one picture; return whether it is in the outbox. What goes wrong is logged and counted. Raises ShelfBroken."""
        at = self.clock()
        try:
            return self.taker.take(self._run(), at, "", None) is not None
        except (CameraFailed, PictureUnusable) as error:
            _log.warning("camera_failed", why=error.detail)
            self.taker.outbox.count("camera_failed")
        except ShelfFull as error:
            _log.error("disk_full", why=error.detail, hint="this picture is lost; make room on the disk")
            with suppress(ShelfFull):
                self.taker.outbox.count("lost_disk_full")
        return False

    def _run(self) -> bytes:
        try:
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env=_without_secrets(os.environ),
            )
        except (OSError, ValueError) as error:
            raise CameraFailed(f"{self.command[0]}: {getattr(error, 'strerror', None) or error}") from error
        try:
            picture, complaint = self._read(process)
        finally:
            _end(process)
        if process.returncode:
            said = complaint.decode(errors="replace").strip()[:_MOST_COMPLAINT]
            raise CameraFailed(f"{self.command[0]} ended with {process.returncode}: {said}")
        if not picture:
            raise CameraFailed(f"{self.command[0]} ended well but wrote nothing to its standard output")
        return picture

    def _read(self, process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
        """Return what the command has written by its end; what its children still write, or hold open, is not waited for."""
        until_s = time.monotonic() + self.timeout_s
        with selectors.DefaultSelector() as selector:
            streams = [stream for stream in (process.stdout, process.stderr) if stream]
            texts: dict[object, bytearray] = {stream: bytearray() for stream in streams}
            for stream in streams:
                os.set_blocking(stream.fileno(), False)
                selector.register(stream, selectors.EVENT_READ)
            ended = False
            while not ended:
                if time.monotonic() > until_s:
                    raise CameraFailed(f"{self.command[0]} took over {self.timeout_s:.0f} s")
                ended = _has_ended(process)
                while ready := selector.select(0 if ended else _LOOK_S) if selector.get_map() else []:
                    self._take_in(selector, ready, texts)
                    if not ended or time.monotonic() > until_s:
                        break
                if not selector.get_map():
                    time.sleep(0 if ended else _LOOK_S)
        picture, complaint = texts.values()
        return bytes(picture), bytes(complaint)

    def _take_in(
        self,
        selector: selectors.BaseSelector,
        ready: Sequence[tuple[selectors.SelectorKey, int]],
        texts: Mapping[object, bytearray],
    ) -> None:
        picture = next(iter(texts.values()))
        for key, _ in ready:
            text, most = texts[key.fileobj], _MOST_PICTURE if texts[key.fileobj] is picture else _MOST_TEXT
            read = os.read(key.fd, _BLOCK)
            if not read:
                selector.unregister(key.fileobj)
            text += read[: most + 1 - len(text)]
        if len(picture) > _MOST_PICTURE:
            raise CameraFailed(f"{self.command[0]} wrote over {_MOST_PICTURE} bytes")


def _without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what is this program's alone: its credential, and its line to systemd."""
    return {name: value for name, value in environ.items() if not name.startswith(_OWN)}


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Return whether the command has ended, and leave it unburied: its number must not go to another group meanwhile."""
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command with all that it started and that did not leave its group; wait for nothing that got away."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_BURIED_S)
