"""What the three embedded services have in common: one server as a child process on loopback."""

import os
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from types import TracebackType
from typing import ClassVar, Final, Self

from local.files import lock_directory, private_directory, rotate, tail
from local.ports import LOOPBACK, release, remembered_ports
from local.spawn import ChildSpec, spawn

_POLL_S: Final = 0.02
_LOCK_TIMEOUT_S: Final = 10.0
_KEPT_VARIABLES: Final = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH")


class ServiceFailed(Exception):
    """A service did not do what was asked; the message ends with the last lines of its log."""


class Service(ABC):
    """One server process; its data, log and secrets lie in `data_dir` and survive it.

    The server listens on 127.0.0.1 only. It ends when this process ends, and only one server at a time can use a
    directory. Not for use from several threads at once.
    """

    name: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]] = ("main",)
    stop_signal: ClassVar[Signals] = SIGTERM
    start_timeout_s: ClassVar[float] = 30.0
    stop_timeout_s: ClassVar[float] = 6.0

    def __init__(self, data_dir: Path, *, ports: Mapping[str, int]) -> None:
        """Prepare the directory; `ports` fixes some of `port_names`, free ones are picked for the rest at first start."""
        self.data_dir = private_directory(data_dir)
        self.log_path = private_directory(self.data_dir / "log") / f"{self.name}.log"
        self._fixed_ports = dict(ports)
        self._ports: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def port(self) -> int:
        """The port that clients use; the same one after every restart of this object."""
        return self._port_of(self.port_names[0])

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None or not self.running:
            raise self._failure("is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the server's process is alive; it may still be starting or stopping."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and return when it answers; nothing is done if it runs already.

        Raises:
            ServiceFailed: it ended or did not answer in time, or its directory is in use; nothing is left running.

        """
        if self.running:
            return
        lock = self._lock()
        try:
            self._begin(lock)
        finally:
            os.close(lock)
        try:
            self._await_answer()
        except BaseException:
            self.kill()
            raise
        finally:
            release(self._ports.values())

    def stop(self) -> bool:
        """End the server in an orderly way; True if it ended by itself, False if it had to be killed after 6 s."""
        return self._end(self.stop_signal)

    def kill(self) -> None:
        """End the server at once with SIGKILL, as a crash would; returns when the process is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._clean_up()

    def restart(self) -> None:
        """Stop, if it is running, and start again on the same ports."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Stop the server."""
        self.stop()

    @abstractmethod
    def _prepare(self, lock: int) -> None:
        """Write what the server needs into the directory, which is locked by the descriptor `lock`."""

    @abstractmethod
    def _argv(self) -> Sequence[str]:
        """Return the server's command line; it runs with `data_dir` as its current directory."""

    @abstractmethod
    def _answers(self) -> bool:
        """Ask the server once whether it is ready."""

    def _clean_up(self) -> None:  # noqa: B027 - most leave nothing
        """Remove what an ended server leaves behind outside of its directory."""

    def _run_tool(self, argv: Sequence[str], lock: int, timeout_s: float) -> None:
        """Run a program to its end; its output goes to the service's log."""
        process = self._spawn(argv, SIGKILL, lock)
        try:
            code = process.wait(timeout_s)
        except BaseException:
            process.kill()
            process.wait()
            raise
        if code:
            raise self._failure(f"could not run {Path(argv[0]).name} (exit code {code})")

    def _failure(self, what: str) -> ServiceFailed:
        return ServiceFailed(f"{self.name} {what}\n{tail(self.log_path, self._log_start)}".rstrip())

    def _port_of(self, name: str) -> int:
        if not self._ports:
            raise self._failure("has no ports before its first start")
        return self._ports[name]

    def _lock(self) -> int:
        try:
            return lock_directory(self.data_dir, _LOCK_TIMEOUT_S)
        except TimeoutError as error:
            raise ServiceFailed(f"{self.name}: {error}") from error

    def _begin(self, lock: int) -> None:
        rotate(self.log_path)
        self._log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        self._ports = self._ports or remembered_ports(self.data_dir / "ports.json", self.port_names, self._fixed_ports)
        self._prepare(lock)
        self._process = self._spawn(self._argv(), self.stop_signal, lock)

    def _environment(self) -> Mapping[str, str]:
        """Return the variables that this server's program needs."""
        return {}

    def _spawn(self, argv: Sequence[str], death_signal: Signals, lock: int) -> subprocess.Popen[bytes]:
        # A clean environment: AWS_*, PG* and the like of the caller would change what the servers do.
        env = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ} | {"LC_ALL": "C", "TZ": "UTC"}
        env |= self._environment()
        with self.log_path.open("ab") as log:
            return spawn(ChildSpec(argv=argv, output=log, death_signal=death_signal, env=env, cwd=self.data_dir, pass_fds=(lock,)))

    def _await_answer(self) -> None:
        deadline = time.monotonic() + self.start_timeout_s
        while True:
            if not self.running:
                code = None if self._process is None else self._process.returncode
                raise self._failure(f"ended while starting (exit code {code})")
            if self._answers():
                return
            if time.monotonic() > deadline:
                raise self._failure(f"did not answer on {LOOPBACK} within {self.start_timeout_s:g} s")
            time.sleep(_POLL_S)

    def _end(self, with_signal: Signals) -> bool:
        if self._process is None:
            return True
        self._process.send_signal(with_signal)
        try:
            self._process.wait(self.stop_timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        self._clean_up()
        return True
