"""Whether a bin can do its work, in words for whoever stands before it."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from contracts.edge import Door, DoorAway, DoorRefused, DoorUnbelieving
from contracts.gateway import Upload
from contracts.ids import uuid7
from producer.edge.clocks import Moment, as_datetime

_WRONG_CLOCK_S = 60.0
_MB = 2**20
Heard = Callable[[float, float], None]
Line = tuple[bool, str]
"""Whether it is fine, and what is to be said of it."""


@dataclass(slots=True)
class Checks:
    """Looks at a bin's surroundings. Sends no event and no picture, and may be run beside the program itself."""

    state_dir: Path
    folder: Path | None
    camera: Sequence[str]
    reserve_bytes: int
    clock: Callable[[], Moment]

    def run(self, door: Callable[[Heard], Door], url: str) -> list[Line]:
        """Return what was found."""
        return [*self._sources(), *self._disk(), *self._gateway(door, url)]

    def _sources(self) -> Iterator[Line]:
        if self.folder is None and not self.camera:
            yield False, "No pictures can come: neither EDGE_FOLDER nor EDGE_CAMERA is set."
        if self.folder is not None and not self.folder.is_dir():
            yield (
                False,
                f"EDGE_FOLDER: {self.folder} is no folder. Is the name right? Make it, for the camera's program to write into.",
            )
        elif self.folder is not None:
            yield _writable("folder of pictures", self.folder, self.folder)
        if self.camera:
            found = shutil.which(self.camera[0])
            fault = f"EDGE_CAMERA: {self.camera[0]} is no command that this user can run. Is it installed, and the name right?"
            yield bool(found), f"The camera's command is {found}." if found else fault

    def _disk(self) -> Iterator[Line]:
        existing = next(path for path in (self.state_dir, *self.state_dir.parents) if path.exists())
        yield _writable("outbox", self.state_dir, existing)
        free = shutil.disk_usage(existing).free
        enough = free > self.reserve_bytes
        rest = (
            ""
            if enough
            else f" That is less than the {self.reserve_bytes // _MB} MB that stay free; make room or take away what fills it."
        )
        yield enough, f"The disk has {free // _MB} MB free.{rest}"

    def _gateway(self, door: Callable[[Heard], Door], url: str) -> Iterator[Line]:
        offsets: list[float] = []
        try:
            # A place that nobody uses costs nothing; it tells that the credential is believed.
            made = uuid7(as_datetime(self.clock().wall_s), os.urandom(10))
            opened = door(lambda at_s, _: offsets.append(at_s - self.clock().wall_s))
            place = opened.place(made, "image/jpeg", 1)
        except DoorAway as error:
            if error.answered:
                yield True, f"The gateway {url} answers."
                again = f" Ask again in {error.retry_after_s:.0f} s." if error.retry_after_s else " Ask again later."
                yield False, f"It is busy or out of order: {error.detail}.{again} Nothing is to be done here; pictures are kept."
                yield from self._time(offsets)
                return
            yield False, f"The gateway {url} cannot be used: {error.detail}. Is the line up, and the address right?"
        except DoorUnbelieving as error:
            yield True, f"The gateway {url} answers."
            yield False, f"It does not believe this bin's credential ({error.detail}). It needs a new one."
        except DoorRefused as error:
            yield True, f"The gateway {url} answers."
            rest = "" if error.fate.condemns else " Is GATEWAY_URL right, to its last letter?"
            yield False, f"It refuses this bin: {error.detail}.{rest}"
        else:
            yield True, f"The gateway {url} answers."
            yield True, "It believes this bin's credential."
            yield _reached(opened, place)
        yield from self._time(offsets)

    def _time(self, offsets: list[float]) -> Iterator[Line]:
        if not offsets:
            says = f"{as_datetime(self.clock().wall_s):%Y-%m-%d %H:%M}Z"
            yield False, f"The clock says {says}; without the gateway nobody can tell if that is right."
            return
        off_s = offsets[-1]
        fine = abs(off_s) < _WRONG_CLOCK_S
        how = "right within a minute" if fine else f"{abs(off_s):.0f} s {'behind' if off_s > 0 else 'ahead'}"
        rest = "" if fine else " Events are corrected by that; set it all the same (timedatectl), for certificates and logs."
        yield fine, f"The clock is {how}.{rest}"


def _reached(door: Door, place: Upload) -> Line:
    host = urlsplit(place.url).netloc
    try:
        door.reach(place)
    except DoorAway as error:
        return False, f"Pictures go to {host}, which cannot be reached: {error.detail}. Does a firewall or the name server know it?"
    return True, f"Pictures go to {host}, which can be reached."


def _writable(what: str, path: Path, existing: Path) -> Line:
    """Say whether a folder can be written; of one that is not there yet, whether it can be made. Leaves nothing behind."""
    probe = existing / f".waste-check-{uuid4().hex}"
    try:
        probe.write_bytes(b"x" * 4096)
    except OSError as error:
        return False, f"The {what} {path} cannot be written: {error.strerror or error}"
    finally:
        with suppress(OSError):
            probe.unlink()
    return True, f"The {what} {path} can be {'written' if existing == path else 'made'}."
