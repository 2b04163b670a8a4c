"""A training says that it lives while a step takes long: of a silent one it is thought that its runner has died."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from time import monotonic

from contracts.errors import LedgerUnavailable
from contracts.trainings import Training, Trainings

LONGEST_S = 12 * 3600.0
"""What takes longer hangs: it falls silent, and another takes it."""

Told = Callable[[str, float], None]
"""A step's name and how far the training is, in [0, 1]; raises `TrainingStopped` if it is to stop."""


class TrainingStopped(Exception):
    """The training was cancelled, or is another's by now."""


@dataclass
class _Pulse:
    trainings: Trainings
    training: Training
    step: str = ""
    progress: float = 0.0
    over: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def told(self, step: str, progress: float) -> None:
        with self.lock:
            self.step, self.progress = step, progress
            if not self.trainings.beat(self.training, step, progress):
                raise TrainingStopped

    def run(self, every_s: float) -> None:
        until = monotonic() + LONGEST_S
        while not self.over.wait(every_s) and monotonic() < until:
            try:
                with self.lock:
                    if not self.trainings.beat(self.training, self.step, self.progress):
                        return  # whoever does the work hears of it at its next step
            except LedgerUnavailable:
                pass  # the next beat may arrive


@contextmanager
def beating(trainings: Trainings, training: Training, every_s: float) -> Iterator[Told]:
    """Give what tells of a training's steps, and beat every `every_s` until the end of the block, for LONGEST_S at most."""
    pulse = _Pulse(trainings, training)
    thread = Thread(target=pulse.run, args=(every_s,), name="beat", daemon=True)
    thread.start()
    try:
        yield pulse.told
    finally:
        pulse.over.set()
        thread.join()
