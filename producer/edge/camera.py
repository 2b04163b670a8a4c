"""A camera that is a command: it writes one picture to its standard output."""

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from contracts.errors import FleetError
from producer.edge.clocks import Moment
from producer.edge.shelf import ShelfFull
from producer.edge.taking import PictureUnusable, Taker

_MOST_COMPLAINT = 300

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
                self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            raise CameraFailed(f"{self.command[0]}: {error.strerror}") from error
        try:
            picture, complaint = process.communicate(timeout=self.timeout_s)
        except subprocess.TimeoutExpired:
            raise CameraFailed(f"{self.command[0]} took over {self.timeout_s:.0f} s") from None
        finally:
            if process.poll() is None:
                with suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        if process.returncode:
            said = complaint.decode(errors="replace").strip()[:_MOST_COMPLAINT]
            raise CameraFailed(f"{self.command[0]} ended with {process.returncode}: {said}")
        return picture
