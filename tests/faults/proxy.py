"""A TCP relay that can be cut, and a store in front of the store that lies."""

import socket
import threading
from contextlib import suppress


class Proxy:
    """Relays to a port of this machine until it is cut; then it neither takes connections nor keeps any."""

    def __init__(self, target):
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._pairs, self._open = set(), True
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def cut(self):
        self._open = False
        for one in list(self._pairs):
            end(one)

    def mend(self):
        self._open = True

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                if self._open:
                    threading.Thread(target=self.serve, args=(client,), daemon=True).start()
                else:
                    client.close()

    def serve(self, client):
        """Relay one connection."""
        try:
            server = socket.create_connection(("127.0.0.1", self._target), 5)
            server.settimeout(None)
        except OSError:
            client.close()
            return
        self._pairs |= {client, server}
        threading.Thread(target=relay, args=(server, client), daemon=True).start()
        relay(client, server)
        self._pairs -= {client, server}


def relay(source, sink):
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    end(source)
    end(sink)


def end(one):
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
