"""Whether a bin can do its work, in words for whoever stands before it."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from contracts.edge import Door, DoorAway, DoorRefused, DoorUnbelieving
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
    reserve_bytes: int
    clock: Callable[[], Moment]

    def run(self, door: Callable[[Heard], Door], url: str) -> list[Line]:
        """Return what was found."""
        return [*self._disk(), *self._gateway(door, url)]

    def _disk(self) -> Iterator[Line]:
        for path, what in ((self.state_dir, "outbox"), (self.folder, "folder of pictures")):
            if path is None:
                continue
            fault = _unwritable(path)
            yield not fault, f"The {what} {path} {f'cannot be written: {fault}' if fault else 'can be written.'}"
        existing = next(path for path in (self.state_dir, *self.state_dir.parents) if path.exists())
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
            door(lambda at_s, _: offsets.append(at_s - self.clock().wall_s)).place(made, "image/jpeg", 1)
        except DoorAway as error:
            yield False, f"The gateway {url} cannot be used: {error.detail}. Is the line up, and the address right?"
        except DoorUnbelieving as error:
            yield True, f"The gateway {url} answers."
            yield False, f"It does not believe this bin's credential ({error.detail}). It needs a new one."
        except DoorRefused as error:
            yield True, f"The gateway {url} answers."
            yield False, f"It refuses this bin: {error.detail}"
        else:
            yield True, f"The gateway {url} answers."
            yield True, "It believes this bin's credential."
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


def _unwritable(path: Path) -> str:
    probe = path / f".waste-check-{uuid4().hex}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    except OSError as error:
        return error.strerror or str(error)
    return ""
