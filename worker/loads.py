"""Models that are loaded beside those in force: one whose file does not come holds up no exchange of others."""

import os
import sys
from collections.abc import Callable, Collection
from concurrent.futures import Future
from functools import partial
from threading import Lock, Thread, get_native_id

from contracts.errors import FleetError
from contracts.models import ModelFile
from contracts.ports import Classifier

NICE = 10
"""Loading yields to deciding: a tenth of a core's share against one event, enough for a roll-back beside a full machine."""


class StillLoading(FleetError):
    """The model is still being loaded."""

    reason = "still_loading"


class Loads:
    """Each file is loaded by a thread of its own, which nobody waits for longer than he wants. Safe to use from several threads."""

    def __init__(self, load: Callable[[ModelFile], Classifier]) -> None:
        """Load with `load`."""
        self._load = load
        self.arrived: Callable[[], object] = lambda: None
        """Is called, from that thread, when a loading ends of which somebody was told that it was still going on."""
        self._going: dict[ModelFile, Future[Classifier]] = {}
        self._late: set[ModelFile] = set()
        self._lock = Lock()

    def begin(self, file: ModelFile) -> None:
        """Begin to load a model unless that goes on already."""
        with self._lock:
            if file in self._going:
                return
            future = self._going[file] = Future[Classifier]()
        Thread(target=self._run, args=(file, future), name="load", daemon=True).start()

    def take(self, file: ModelFile, wait_s: float) -> Classifier:
        """Return a model that was begun; raises StillLoading if it is not there after `wait_s`, and what its loading raised."""
        future = self._going[file]
        try:
            future.exception(wait_s)
        except TimeoutError:
            with self._lock:
                if not future.done():
                    self._late.add(file)
                    raise StillLoading(file.version) from None
        with self._lock:
            self._forget(file)
        return future.result()

    def forget_all_but(self, files: Collection[ModelFile]) -> None:
        """Let go what nobody wants any more."""
        with self._lock:
            for file in [one for one in self._going if one not in files]:
                self._forget(file)

    def _forget(self, file: ModelFile) -> None:
        self._going.pop(file, None)
        self._late.discard(file)

    def _run(self, file: ModelFile, future: "Future[Classifier]") -> None:
        _yield_to_others()
        try:
            model = self._load(file)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised again by who takes the model
            settle = partial(future.set_exception, error)
        else:
            settle = partial(future.set_result, model)
        with self._lock:
            settle()
            late = file in self._late and self._going.get(file) is future
        if late:
            self.arrived()


def _yield_to_others() -> None:
    if sys.platform == "linux":  # elsewhere it is the priority of the whole process
        os.setpriority(os.PRIO_PROCESS, get_native_id(), NICE)
