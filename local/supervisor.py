"""Running the fleet's roles as child processes of this one."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from signal import SIGKILL
from types import TracebackType
from typing import Final, Self, TextIO

from local.files import private_directory
from local.log_stream import LogStream
from local.role import Role, RoleExit

_SELF: Final = "supervisor"
_AFTER_KILL_S: Final = 3.0


class Supervisor:
    """Starts roles, joins their output to one log, tells of each end, and ends all of them."""

    def __init__(
        self,
        *,
        log_path: Path | None = None,
        terminal: TextIO | None = None,
        on_exit: Callable[[RoleExit], None] | None = None,
    ) -> None:
        """Write the log to `log_path` and `terminal`; `on_exit` is called from a thread at each end of a role."""
        if log_path:
            private_directory(log_path.parent)
        self._log = LogStream(terminal, log_path)
        self._on_exit = on_exit
        self._roles: dict[str, Role] = {}
        self._lock = threading.Lock()
        self.exits: list[RoleExit] = []

    def start(self, name: str, argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> int:
        """Start a role and return its process id; raises ValueError while one of that name is alive."""
        with self._lock:
            if name in self._roles and self._roles[name].alive:
                message = f"{name} is running"
                raise ValueError(message)
            role = Role(name, argv, env=env, cwd=cwd, log=self._log, on_end=self._ended)
            self._roles[name] = role
        return role.pid

    def alive(self) -> list[str]:
        """Return the names of the roles that are alive."""
        return [name for name, role in self._roles.items() if role.alive]

    def pid(self, name: str) -> int:
        """Return the process id of a role; raises KeyError for one that was never started."""
        return self._roles[name].pid

    def kill(self, name: str) -> None:
        """End a role at once (SIGKILL) and wait for it to be gone."""
        self._roles[name].kill()
        self._roles[name].wait(_AFTER_KILL_S)

    def stop(self, name: str, grace_s: float = 25.0) -> bool:
        """Ask a role to end (SIGTERM); True if it did within `grace_s`, False if it had to be killed."""
        self._roles[name].terminate()
        if self._roles[name].wait(grace_s):
            return True
        self.say(f"{name} did not end within {grace_s:g} s and is killed")
        self.kill(name)
        return False

    def stop_all(self, grace_s: float = 25.0) -> bool:
        """Ask all roles to end, wait for at most `grace_s` in all, kill the rest; True if none had to be killed."""
        roles = [role for role in self._roles.values() if role.alive]
        for role in roles:
            role.terminate()
        deadline = time.monotonic() + grace_s
        stubborn = [role for role in roles if not role.wait(max(0.0, deadline - time.monotonic()))]
        for role in stubborn:
            self.say(f"{role.name} did not end within {grace_s:g} s and is killed")
            role.kill()
            role.wait(_AFTER_KILL_S)
        return not stubborn

    def say(self, line: str) -> None:
        """Write a line of the supervisor's own into the log."""
        self._log.write(_SELF, line)

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """End all roles and close the log."""
        self.stop_all()
        self._log.close()

    def _ended(self, exit_: RoleExit) -> None:
        self.exits.append(exit_)
        if not exit_.wanted or exit_.code == -SIGKILL:
            self.say(str(exit_))
        if self._on_exit:
            self._on_exit(exit_)
