"""One https connection to one checked address, with an end that the other side cannot put off.

A socket's timeout is for each single wait: a host that sends a byte of its headers every second would hold a thread for
ever. Here a timer ends the connection itself, in the handshake, in the headers and in the body alike.
"""

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPSConnection

from adapters.http.downloads import DownloadLimits
from contracts.errors import ImageSourceDown, ImageTruncated


class BrakedConnection(HTTPSConnection):
    """An https connection to whichever of some addresses answers and proves to be a name. Another thread may end it."""

    _brake: socket.socket | None = None

    def __init__(self, addresses: Sequence[str], port: int, name: str, tls: ssl.SSLContext, limits: DownloadLimits) -> None:
        """Connect to the first of `addresses` that answers; `tls` checks names, as `ssl.create_default_context` does."""
        super().__init__(name, port, context=tls)
        self._addresses, self._name, self._tls, self._limits = addresses, name, tls, limits

    def connect(self) -> None:
        """Connect, and keep a second descriptor of the socket: TLS takes the first one, which nobody can reach meanwhile."""
        plain = self._connect_to_any()
        self._brake = plain.dup()
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self._name)
        except BaseException:
            plain.close()
            raise
        self.sock.settimeout(self._limits.wait_s)

    def _connect_to_any(self) -> socket.socket:
        for address in self._addresses[:-1]:
            with suppress(OSError):
                return socket.create_connection((address, self.port), self._limits.connect_s)
        return socket.create_connection((self._addresses[-1], self.port), self._limits.connect_s)

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
    addresses: Sequence[str], port: int, *, name: str, tls: ssl.SSLContext, limits: DownloadLimits, seconds: float
) -> Iterator[BrakedConnection]:
    """Lend a connection to one of `addresses` that proves to be `name`; raises ImageSourceDown if it lasts over `seconds`."""
    connection = BrakedConnection(addresses, port, name, tls, limits)
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
