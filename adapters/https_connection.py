"""One https connection to one checked address, with an end that the other side cannot put off.

A socket's timeout is for each single wait: a host that sends a byte of its headers every second would hold a thread for
ever. Here a timer ends the connection itself, in the handshake, in the headers and in the body alike.
"""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import urllib3
from urllib3.connection import HTTPSConnection

from contracts.errors import ImageSourceDown, ImageTruncated


class BrakedConnection(HTTPSConnection):
    """An https connection that another thread may end at any time."""

    _brake: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        # A second descriptor of the same socket: the first one is handed on to TLS and cannot be reached meanwhile.
        connected = super()._new_conn()
        self._brake = connected.dup()
        return connected

    def end(self) -> None:
        """Let whatever waits on this connection fail now."""
        if self._brake:
            with suppress(OSError):
                self._brake.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close both descriptors."""
        super().close()
        if self._brake:
            self._brake.close()


@contextmanager
def braked_connection(
    address: str, port: int, *, name: str, tls: ssl.SSLContext, timeout: urllib3.Timeout, seconds: float
) -> Iterator[BrakedConnection]:
    """Lend a connection to `address`; raises ImageSourceDown if it lasts over `seconds`.

    The other side must prove to be `name`: `tls` checks names, as `ssl.create_default_context` does.
    """
    connection = BrakedConnection(address, port, timeout=timeout.connect_timeout, ssl_context=tls, server_hostname=name)
    ended = threading.Event()

    def end() -> None:
        ended.set()
        connection.end()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield connection
    except (ImageSourceDown, ImageTruncated):
        if not ended.is_set():
            raise
    finally:
        timer.cancel()
        connection.close()
    # Also after a success: headers that end early look like headers that end.
    if ended.is_set():
        raise ImageSourceDown(f"the download took over {seconds:.0f} s")
