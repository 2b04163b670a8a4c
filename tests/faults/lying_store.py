"""A store in front of the store: what is asked for under lies/ is answered by the lie that the name tells of."""

import socket
import struct
import time
from contextlib import suppress

from tests.faults.proxy import Proxy, end

LIES = {
    "busy": "image_source_down",
    "reset": "image_source_down",
    "silent": "image_source_down",
    "drip": "image_source_down",
    "cut": "image_truncated",
    "long": "image_truncated",
    "endless": "image_too_large",
    "boast": "image_too_large",
    "elsewhere": "image_refused",
    "garbage": "image_source_down",
    "forbidden": "image_refused",
    "gone": "image_missing",
}
"""Lie -> the reason that its events must be postponed or ended for."""


class LyingStore(Proxy):
    """Relays what is honest; one request a connection is enough for lies."""

    def serve(self, client):
        with suppress(OSError):
            head = client.recv(65536, socket.MSG_PEEK)
            if b"/lies/" in head:
                self._lie(client, client.recv(65536))
            else:
                self._serve_honestly(client)
        # By hand and always: whoever accepts connections still refers to the last one, which nothing else would close.
        end(client)

    def _serve_honestly(self, client):
        # A kept connection may bring honest requests first and lies later: so each request is looked at.
        with socket.create_connection(("127.0.0.1", self._target), 5) as server:
            while (head := client.recv(65536)) and b"/lies/" not in head:
                server.sendall(head)
                client.sendall(answer_of(server))
        if head:
            self._lie(client, head)

    def _lie(self, client, head):
        path = head.split(b" ")[1].decode()
        getattr(self, f"_{path.rsplit('/', 1)[1].split('-')[0]}")(client)

    def _busy(self, client):
        client.sendall(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n")

    def _reset(self, client):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _silent(self, client):
        time.sleep(20)

    def _drip(self, client):
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n")
        for _ in range(30):
            client.sendall(b"x")
            time.sleep(1)

    def _cut(self, client):
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + b"x" * 5000)

    def _long(self, client):
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 14000000\r\n\r\n" + b"x" * 5000)

    def _endless(self, client):
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(1000):
            client.sendall(b"x" * 65536)

    def _boast(self, client):
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx")

    def _elsewhere(self, client):
        client.sendall(b"HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:1/lies/elsewhere\r\nContent-Length: 0\r\n\r\n")

    def _garbage(self, client):
        client.sendall(b"\x00\xff" * 500)

    def _forbidden(self, client):
        client.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")

    def _gone(self, client):
        client.sendall(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")


def answer_of(server):
    """Read one whole answer: its head, and as much as that announces."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += more(server)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += more(server)
    return head + b"\r\n\r\n" + body


def more(server):
    data = server.recv(65536)
    if not data:
        raise ConnectionResetError
    return data
