"""Starting child processes which end when this process ends, however it ends."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from signal import Signals
from typing import IO, Final

_EXEC_CHILD: Final = str(Path(__file__).with_name("exec_child.py"))


@dataclass(frozen=True, kw_only=True)
class ChildSpec:
    """What to run: `output` takes stdout and stderr, `env=None` inherits, `death_signal` is sent when the parent ends."""

    argv: Sequence[str]
    output: int | IO[bytes]
    death_signal: Signals
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    pass_fds: tuple[int, ...] = ()


_Job = tuple[ChildSpec, Future[subprocess.Popen[bytes]]]


def spawn(spec: ChildSpec) -> subprocess.Popen[bytes]:
    """Start the child in a session of its own and return it at once; callable from any thread.

    A program that cannot be run shows as exit code 127 with a line on `output`.

    Raises:
        OSError: no process could be made, or `cwd` does not exist.

    """
    return _spawner.start(spec)


class _Spawner:
    """The one thread that starts all children.

    Linux sends the parent-death signal when the *thread* that started the child ends, so a child started from a pool's
    thread would be killed as soon as the pool is closed. This daemon thread lives exactly as long as the process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._jobs: SimpleQueue[_Job] = SimpleQueue()

    def start(self, spec: ChildSpec) -> subprocess.Popen[bytes]:
        """Hand the job to the thread (started here the first time, and again after a fork) and wait for the child."""
        started: Future[subprocess.Popen[bytes]] = Future()
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._jobs = SimpleQueue()
                self._thread = threading.Thread(target=self._serve, args=(self._jobs,), name="spawner", daemon=True)
                self._thread.start()
            self._jobs.put((spec, started))
        return started.result()

    @staticmethod
    def _serve(jobs: SimpleQueue[_Job]) -> None:
        while True:
            spec, started = jobs.get()
            try:
                started.set_result(_popen(spec))
            except (OSError, ValueError, TypeError) as error:
                started.set_exception(error)


_spawner: Final = _Spawner()


def _popen(spec: ChildSpec) -> subprocess.Popen[bytes]:
    helper = [sys.executable, "-I", "-S", _EXEC_CHILD, str(int(spec.death_signal)), str(os.getpid())]
    return subprocess.Popen(
        [*helper, *spec.argv],
        stdin=subprocess.DEVNULL,
        stdout=spec.output,
        stderr=subprocess.STDOUT,
        env=spec.env,
        cwd=spec.cwd,
        pass_fds=spec.pass_fds,
        start_new_session=True,
    )
