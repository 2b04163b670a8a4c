"""How long clients will believe a server's certificate."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from adapters.http.certificates import certificate_seconds


@pytest.fixture
def authority(tmp_path, monkeypatch):
    """An authority that this process's clients trust."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


def served(certificate):
    """Serve TLS on loopback to one client; return `name:port`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def answer():
        with listener, listener.accept()[0] as plain:
            try:
                context.wrap_socket(plain, server_side=True).close()
            except OSError:
                return

    threading.Thread(target=answer, daemon=True).start()
    return f"localhost:{listener.getsockname()[1]}"


def test_a_good_certificate_has_the_time_until_its_end(authority):
    until = datetime.now(UTC) + timedelta(days=10)
    assert certificate_seconds(served(authority.issue_cert("localhost", not_after=until))) == pytest.approx(864_000, abs=60)


@pytest.mark.parametrize("name", ["localhost", "another.example"])
def test_one_that_clients_refuse_has_none(authority, name):
    ended = datetime.now(UTC) - timedelta(days=1) if name == "localhost" else None
    assert (
        certificate_seconds(served(authority.issue_cert(name, not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=ended))) == 0
    )


def test_of_a_server_that_does_not_answer_nothing_is_known():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert certificate_seconds(f"localhost:{port}") is None


@pytest.mark.parametrize("server", ["a..b:443", ".:443", f"{'a' * 70}:443"])
def test_what_is_no_name_is_nobody_who_answers(server):
    assert certificate_seconds(server) is None
