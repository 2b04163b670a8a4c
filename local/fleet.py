"""The whole fleet on one machine: the services, the schema, and each role as a child process."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from local.database import DATABASE, ensure_database, ensure_logins, ensure_master_key
from local.files import private_directory, write_private
from local.ports import free_port
from local.stack import Stack
from local.supervisor import Supervisor
from local.valkey import MAXMEMORY_BYTES

_READY_TIMEOUT_S = 60.0
_DESK = "review-desk"
_GATEWAY = "gateway"
_MONITOR = "monitor"
_COMMANDS = {
    "intake": ["intake"],
    "dlq-drain": ["dlq", "drain"],
    _DESK: ["dlq", "serve"],
    _GATEWAY: ["gateway"],
    _MONITOR: ["monitor"],
}
_DEMO_ACCOUNT = "demo"
_KEPT = (
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "VIRTUAL_ENV",
    "LOG_LEVEL",
    "CONFIDENCE_THRESHOLD",
    "MODEL_PATH",
    "MODEL_SHA256",
    "LOG_EVENTS_PER_S",
)
_KEPT_OF_OTHERS = "OTEL_"
"""How the names of OpenTelemetry's variables begin."""


class FleetFailed(Exception):
    """The fleet did not start; the message says which part and where its log is."""


class LocalFleet:
    """Starts in dependency order, ends in the opposite one, and leaves its data folder behind."""

    def __init__(
        self,
        data_dir: Path,
        *,
        workers: int = 1,
        concurrency: int = 2,
        desk: bool = False,
        durable: bool = True,
        terminal: TextIO | None = None,
        valkey_maxmemory: int = MAXMEMORY_BYTES,
    ) -> None:
        """Keep everything under `data_dir`; `desk` adds what people meet: the review desk's pages, a gateway, a monitor.

        The merged log of the roles also goes to `terminal` if there is one.
        """
        self.data_dir = private_directory(data_dir)
        self.stack = Stack(self.data_dir, durable=durable, valkey_maxmemory=valkey_maxmemory)
        self.log_path = self.data_dir / "log" / "fleet.log"
        self.supervisor = Supervisor(log_path=self.log_path, terminal=terminal)
        self._workers, self._concurrency, self._desk = workers, concurrency, desk
        self.desk_url = f"http://127.0.0.1:{free_port()}"
        self.health_ports: dict[str, int] = {}
        self.database_urls: dict[str, str] = {}
        self._environment: dict[str, str] = {}

    def start(self) -> None:
        """Start everything and return when every role is ready; raises FleetFailed, with nothing left running."""
        try:
            self.stack.start()
            self._prepare()
            for name in self.role_names():
                self.start_role(name)
            self._await_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> bool:
        """End the roles, then the services; True if none of the roles had to be killed."""
        ended = self.supervisor.stop_all()
        self.stack.stop()
        return ended

    def role_names(self) -> list[str]:
        """Return the names of the roles of this fleet."""
        pages = [_DESK, _GATEWAY, _MONITOR] if self._desk else []
        return ["intake", "dlq-drain", *pages, *(f"worker-{number}" for number in range(1, self._workers + 1))]

    def start_role(self, name: str) -> None:
        """Start a role (again)."""
        commands = {
            "intake": ["intake"],
            "dlq-drain": ["dlq", "drain"],
            _DESK: ["dlq", "serve"],
            _GATEWAY: ["gateway"],
            _MONITOR: ["monitor"],
        }
        command = commands.get(name, ["worker", "--concurrency", str(self._concurrency)])
        argv = [sys.executable, "-m", "waste", *command]
        self.supervisor.start(name, argv, env=self.role_environment(name), cwd=self.role_folder(name))

    def role_folder(self, name: str) -> Path | None:  # noqa: ARG002
        """Return where a program is started; a folder with other code runs that code. None: here."""
        return None

    def migrate(self) -> None:
        """Bring the database to the newest shape; raises FleetFailed."""
        owner = {"DATABASE_URL": self.stack.postgres.url(DATABASE)}
        done = subprocess.run(
            [sys.executable, "-m", "waste", "db", "migrate"],
            env=self._environment | owner,
            cwd=self.role_folder("migrate"),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise FleetFailed(f"the database could not be brought to the newest shape:\n{done.stderr[-2000:]}")

    def role_environment(self, name: str) -> dict[str, str]:
        """Return the environment of a role, with the port of its health."""
        if name not in self.health_ports:
            self.health_ports[name] = free_port()
        port = "GATEWAY_PORT" if name == _GATEWAY else "HEALTH_PORT"
        return self.environment(_program(name)) | {port: str(self.health_ports[name])}

    def environment(self, program: str) -> dict[str, str]:
        """Return the environment of a program: intake, worker, review, reader or edge (which knows no database)."""
        own = {"DATABASE_URL": self.database_urls[program]} if program in self.database_urls else {}
        return self._environment | own

    def write_environment(self, program: str) -> Path:
        """Write the environment of a program into a file that only this user can read, and return its path."""
        path = self.data_dir / "secrets" / f"{program}.env"
        own = {name: value for name, value in self.environment(program).items() if not _is_kept(name)}
        write_private(path, "".join(f"{name}={value}\n" for name, value in own.items()))
        return path

    def ready(self, name: str) -> str:
        """Return what a role still misses, or nothing when it is ready."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_ports[name]}/health/ready", timeout=2):
                return ""
        except urllib.error.HTTPError as error:
            return error.read().decode(errors="replace").strip()
        except OSError as error:
            return f"no answer: {error}"

    def desk_link(self) -> str:
        """Return a link by which a browser on this machine enters the review desk once, as its admin; raises FleetFailed."""
        waste = [sys.executable, "-m", "waste", "dlq", "account"]
        for arguments in (["add", _DEMO_ACCOUNT, "--role", "admin"], ["link", _DEMO_ACCOUNT]):
            done = subprocess.run([*waste, *arguments], env=self.environment("review"), capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return done.stdout.strip()
        raise FleetFailed(f"the review desk let nobody in:\n{done.stderr[-2000:]}")

    def __enter__(self) -> Self:
        """Start the fleet."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """End the fleet."""
        self.stop()

    def _prepare(self) -> None:
        ensure_database(self.stack.postgres)
        self._environment = self._common()
        self.migrate()
        self.database_urls = ensure_logins(self.stack.postgres, private_directory(self.data_dir / "secrets"))

    def _common(self) -> dict[str, str]:
        addresses = self.stack.addresses
        kept = {name: value for name, value in os.environ.items() if _is_kept(name)}
        return kept | {
            "QUEUE_URL": addresses.redis_url,
            "S3_ENDPOINT_URL": addresses.s3_endpoint,
            "S3_REGION": addresses.s3_region,
            "S3_BUCKET": addresses.s3_bucket,
            "IMAGE_BUCKETS": addresses.s3_bucket,
            "AWS_ACCESS_KEY_ID": addresses.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": addresses.s3_secret_key,
            "DEVICE_MASTER_KEY": ensure_master_key(private_directory(self.data_dir / "secrets")),
            "MODEL_CACHE": str(self.data_dir / "models"),
            # The workers share the cores: more pictures at once than cores cost each of them its caches.
            "COMPUTE_AT_ONCE": str(max(1, (os.cpu_count() or 1) // self._workers)),
            "REVIEW_PORT": self.desk_url.rpartition(":")[2],
            "REVIEW_PUBLIC_URL": self.desk_url,
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _READY_TIMEOUT_S
        missing: Mapping[str, str] = dict.fromkeys(self.role_names(), "not started")
        while missing:
            if time.monotonic() > deadline or self.supervisor.exits:
                why = "; ".join([*map(str, self.supervisor.exits), *(f"{name}: {what}" for name, what in missing.items())])
                raise FleetFailed(f"{why} (log: {self.log_path})")
            time.sleep(0.1)
            missing = {name: what for name in missing if (what := self.ready(name))}


def _is_kept(name: str) -> bool:
    return name in _KEPT or name.startswith(_KEPT_OF_OTHERS)


def _program(name: str) -> str:
    programs = {"intake": "intake", "dlq-drain": "review", _DESK: "review", _GATEWAY: "gateway", _MONITOR: "reader"}
    return programs.get(name, "worker")
