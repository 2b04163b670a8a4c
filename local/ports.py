"""Loopback ports for the embedded services."""

import json
import random
import socket
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"

_FIRST: Final = 10_240
_EPHEMERAL_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_EPHEMERAL_USUAL: Final = 32_768
_ATTEMPTS: Final = 200

_handed_out: set[int] = set()
_lock = threading.Lock()


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a free loopback port and keep it from the other threads of this process until `release`.

    It lies below the range from which outgoing connections get theirs: a client that keeps trying a killed server on a
    port of that range ends up connected to itself, and the server then finds its port taken.

    Raises:
        OSError: no free port was found.

    """
    end = _first_ephemeral_port()
    for _ in range(_ATTEMPTS):
        port = random.randrange(_FIRST, end)
        with _lock:
            if port not in _handed_out and is_free(port):
                _handed_out.add(port)
                return port
    raise OSError(f"no free port between {_FIRST} and {end} on {LOOPBACK}")


def release(ports: Iterable[int]) -> None:
    """Let these ports be given out again: their servers have bound them, or never will."""
    with _lock:
        _handed_out.difference_update(ports)


def remembered_ports(book: Path, names: Iterable[str], fixed: Mapping[str, int]) -> dict[str, int]:
    """Return a port for every name and write them to `book`, so that the next run gets the same ones if they are free.

    A port in `fixed` is taken as it is.
    """
    before = _read(book)
    ports = {name: fixed.get(name) or _again(before.get(name)) or free_port() for name in names}
    book.write_text(json.dumps(ports, indent=1), encoding="utf-8")
    return ports


def _again(port: int | None) -> int | None:
    with _lock:
        if port is None or port in _handed_out or not is_free(port):
            return None
        _handed_out.add(port)
        return port


def _read(book: Path) -> dict[str, int]:
    with suppress(OSError, ValueError):
        content = json.loads(book.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return {name: port for name, port in content.items() if isinstance(port, int) and 0 < port < 2**16}
    return {}


def _first_ephemeral_port() -> int:
    with suppress(OSError, ValueError, IndexError):
        first = int(_EPHEMERAL_RANGE.read_text(encoding="ascii").split()[0])
        if first > 2 * _FIRST:
            return first
    return _EPHEMERAL_USUAL
