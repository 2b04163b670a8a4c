"""One role of the fleet: a child process whose output is read to the end and whose end is noticed."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from local.log_stream import LogStream, lines_of
from local.spawn import ChildSpec, spawn

_DRAIN_S: Final = 2.0


@dataclass(frozen=True, kw_only=True)
class RoleExit:
    """The end of a role's process: `code` as of `subprocess`, minus the signal's number if one ended it.

    `wanted` tells whether the supervisor had asked for it.
    """

    name: str
    pid: int
    code: int
    wanted: bool

    def __str__(self) -> str:
        """Say it in words."""
        how = f"was ended by {signal.Signals(-self.code).name}" if self.code < 0 else f"ended with code {self.code}"
        return f"{self.name} {how}"


class Role:
    """A started process in a session of its own, with one thread that reads its output and one that awaits its end."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None,
        cwd: Path | None,
        log: LogStream,
        on_end: Callable[[RoleExit], None],
    ) -> None:
        """Start the process; `on_end` is called once, from another thread, after the last line has been logged."""
        self.name = name
        self.wanted_to_end = False
        self._log = log
        self._on_end = on_end
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._collected = False
        # SIGKILL: a role must stand that anyway, and a role that ignores a polite signal would live on unwatched.
        self._process = spawn(ChildSpec(argv=argv, env=env, cwd=cwd, output=subprocess.PIPE, death_signal=signal.SIGKILL))
        self._reader = threading.Thread(target=self._read, name=f"read-{name}", daemon=True)
        self._reader.start()
        threading.Thread(target=self._await_end, name=f"await-{name}", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id, which is also that of its group."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process is there and its end has not been reported."""
        return not self._ended.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end to be reported; False if the time ran out first."""
        return self._ended.wait(timeout_s)

    def terminate(self) -> None:
        """Ask the process, not the ones it has started, to end (SIGTERM)."""
        self.wanted_to_end = True
        self._signal(os.kill, signal.SIGTERM)

    def kill(self) -> None:
        """End the process and all of its group at once (SIGKILL)."""
        self.wanted_to_end = True
        self._signal(os.killpg, signal.SIGKILL)

    def _signal(self, send: Callable[[int, int], None], number: signal.Signals) -> None:
        # Not by Popen, which would collect a process that has just ended behind the back of the thread that awaits it.
        with self._lock, suppress(ProcessLookupError, PermissionError):
            if not self._collected:
                send(self.pid, number)

    def _read(self) -> None:
        pipe: IO[bytes] | None = self._process.stdout
        if pipe is not None:
            with pipe:
                for line in lines_of(pipe):
                    self._log.write(self.name, line)

    def _await_end(self) -> None:
        self._await_exit()
        self._signal(os.killpg, signal.SIGKILL)
        with self._lock:
            code = self._process.wait()
            self._collected = True
        self._reader.join(_DRAIN_S)
        ending = RoleExit(name=self.name, pid=self.pid, code=code, wanted=self.wanted_to_end)
        self._ended.set()
        self._on_end(ending)

    def _await_exit(self) -> None:
        """Wait for the exit without collecting it: until then nobody else can have its number, so the group is its own."""
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        else:
            self._process.wait()
