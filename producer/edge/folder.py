"""A folder that a camera's own program writes pictures into: each is taken once, and removed when it lies in the outbox."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import structlog

from contracts.errors import FleetError
from contracts.limits import MAX_IMAGE_BYTES
from producer.edge.clocks import NEVER_BEFORE_S, UNKNOWN_BOOT, Moment
from producer.edge.shelf import ShelfFull
from producer.edge.taking import PictureUnusable, Taker

_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".swp", "~")
_MOST_BYTES = 2 * MAX_IMAGE_BYTES
_ASIDE = "refused"
_MOST_ASIDE = 100
_STUCK_S = 60.0
_MOST_AT_ONCE = 50
"""Between two signs of life to systemd."""

_log = structlog.get_logger("waste")


@dataclass(slots=True)
class Folder:
    """Looks through a folder. `settle_s` is how long a file must have kept its size and time to count as whole."""

    path: Path
    taker: Taker
    clock: Callable[[], Moment]
    settle_s: float = 1.0
    _seen: dict[str, tuple[tuple[int, int, int], float]] = field(default_factory=dict)
    _removed: list[bytes] = field(default_factory=list)
    _stuck: dict[str, float] = field(default_factory=dict)
    _unusable: set[str] = field(default_factory=set)
    """Counted, and not put aside yet."""

    def take_all(self) -> int:
        """Take the oldest pictures that are whole; return how many. Raises ShelfFull and ShelfBroken; what is not taken stays."""
        taken = 0
        try:
            for entry in islice(self._whole(), _MOST_AT_ONCE):
                taken += self._take(entry)
        finally:
            self._forget_removed()
        return taken

    def _whole(self) -> Iterator[Path]:
        """Yield files that have not changed for a while, oldest first."""
        now, seen, whole = self.clock().since_boot_s, {}, []
        self._stuck = {name: until_s for name, until_s in self._stuck.items() if until_s > now}
        for entry in os.scandir(self.path):
            if (
                entry.name == _ASIDE
                or entry.name.startswith(".")
                or entry.name.lower().endswith(_UNFINISHED)
                or entry.name in self._stuck
            ):
                continue
            with suppress(OSError):
                if not entry.is_file(follow_symlinks=False):
                    continue
                state = _state(entry.stat(follow_symlinks=False))
                before, since = self._seen.get(entry.name, (None, now))
                seen[entry.name] = (state, since if before == state else now)
                if before == state and now - since >= self.settle_s:
                    whole.append((state[2], entry.name))
        self._seen = seen
        for _, name in sorted(whole):
            yield self.path / name

    def _take(self, path: Path) -> bool:
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                data = file.read(_MOST_BYTES + 1)
        except OSError as error:
            self._leave(path, error)
            return False
        try:
            return self._keep(path, data, status)
        except OSError as error:
            self._leave(path, error)
        except FleetError:
            raise
        except Exception:  # noqa: BLE001 - one file that nobody foresaw must not hold up those behind it
            _log.exception("unforeseen", file=path.name)
            self._stuck[path.name] = self.clock().since_boot_s + _STUCK_S
        return False

    def _keep(self, path: Path, data: bytes, status: os.stat_result) -> bool:
        source = hashlib.sha256(path.name.encode(errors="surrogateescape") + b"\0" + data).digest()
        try:
            if len(data) > _MOST_BYTES:
                raise PictureUnusable(f"has over {_MOST_BYTES} bytes")
            kept = self.taker.take(data, self._captured(status.st_mtime), path.name, source)
        except PictureUnusable as error:
            self._put_aside(path, error.detail)
            return False
        except ShelfFull:
            _log.error("disk_full", file=path.name, hint="the picture stays in the folder until there is room")
            raise
        self._remove(path, status, source)
        return kept is not None

    def _captured(self, written_s: float) -> Moment:
        """Return when a file was written, as far as the clock that said so can be believed."""
        now = self.clock()
        age_s = now.wall_s - written_s
        if 0 <= age_s <= now.since_boot_s:
            return Moment(now.boot, now.since_boot_s - age_s, written_s)
        if age_s > 0 and written_s > NEVER_BEFORE_S:
            return Moment(UNKNOWN_BOOT, 0.0, written_s)
        return now  # the clock was set meanwhile, and files are taken moments after they are written

    def _remove(self, path: Path, status: os.stat_result, source: bytes) -> None:
        self.taker.outbox.shelf.must_be_in_place()
        try:
            if _state(path.stat()) != _state(status):
                return  # a newer picture under the same name, to be taken itself
            path.unlink()
        except FileNotFoundError:
            pass
        except OSError as error:
            self._leave(path, error)
            return
        self._removed.append(source)

    def _forget_removed(self) -> None:
        """Have the removals on the disk before the outbox forgets the files: one that came back would be a second event."""
        if not self._removed:
            return
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        gone, self._removed = self._removed, []
        self.taker.outbox.forget(gone)

    def _leave(self, path: Path, error: OSError, hint: str = "") -> None:
        """Leave a file alone for a while."""
        self._stuck[path.name] = self.clock().since_boot_s + _STUCK_S
        _log.error(
            "picture_left", file=path.name, error=error.strerror, hint=hint or "let this program read and write in the folder"
        )

    def _put_aside(self, path: Path, why: str) -> None:
        _log.warning("picture_put_aside", file=path.name, why=why, folder=_ASIDE)
        aside = self.path / _ASIDE
        if path.name not in self._unusable:
            self._unusable.add(path.name)
            self.taker.outbox.count("unusable")
        try:
            aside.mkdir(exist_ok=True)
            path.rename(aside / path.name)
        except OSError as error:
            is_folder = aside.is_dir()
            self._leave(path, error, "" if is_folder else f"{aside} is no folder; move it away, pictures are put aside into it")
            return
        self._unusable.discard(path.name)
        with suppress(OSError):
            (aside / f"{path.name}.why").write_text(f"{why}\n", "utf-8")
            files = sorted((file for file in aside.iterdir() if file.suffix != ".why"), key=lambda file: file.stat().st_ctime_ns)
            for file in files[:-_MOST_ASIDE]:
                file.unlink()
                file.with_name(f"{file.name}.why").unlink(missing_ok=True)


def _state(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns
