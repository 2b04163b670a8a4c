"""Fetching from a host that means no good: real TLS, real sockets, one rule of the guard at a time."""

import ipaddress
import socket
import ssl
import threading
import time
from contextlib import contextmanager

import pytest
import trustme

from adapters.http.downloads import DownloadLimits
from adapters.http.images import HttpsImages
from contracts.errors import (
    ImageForbidden,
    ImageMissing,
    ImageRefused,
    ImageSourceDown,
    ImageTooLarge,
    ImageTruncated,
)
from contracts.image_urls import UrlRule, locate

BODY = b"picture" * 1000
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
LIMITS = DownloadLimits(max_bytes=100_000, connect_s=1, total_s=1.5, min_rate=10_000, rate_grace_s=0.4)


def answer(status="200 OK", body=BODY, **headers):
    rows = {"Content-Length": str(len(body))} | {name.replace("_", "-"): str(value) for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in rows.items() if value != "None")
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


class Host:
    """Answers each connection with what its script says: bytes, or (bytes, seconds) pieces sent with pauses."""

    def __init__(self, authority, names=("pictures.example",)):
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(self.tls)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.script, self.requests = {}, []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)  # wakes whoever accepts
        self.socket.close()

    def _answer(self, connection):
        try:
            with self.tls.wrap_socket(connection, server_side=True) as secure:
                head = secure.recv(65536).decode()
                self.requests.append(head)
                script = self.script.get(head.split(" ")[1], answer("404 Not Found", b""))
                for piece, pause_s in [(script, 0)] if isinstance(script, bytes) else script:
                    secure.sendall(piece)
                    time.sleep(pause_s)
        except (OSError, ValueError):  # the other side left, maybe before TLS was set up
            pass


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def host(authority):
    server = Host(authority)
    yield server
    server.close()


@contextmanager
def fetching(host, authority, *, networks=LOOPBACK, resolver=lambda *_: ["127.0.0.1"], hosts=()):
    rule = UrlRule(hosts=frozenset({f"pictures.example:{host.port}", *hosts}))
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    images = HttpsImages(rule, allowed_networks=networks, resolver=resolver, tls=tls, limits=LIMITS)
    yield lambda path: images.fetch(locate(f"https://pictures.example:{host.port}{path}", rule))


def fetch(host, authority, script, **keywords):
    host.script["/a.jpg"] = script
    with fetching(host, authority, **keywords) as get:
        return get("/a.jpg")


def test_a_picture_is_fetched_from_the_checked_address_under_its_own_name(host, authority):
    assert fetch(host, authority, answer()) == BODY
    (request,) = host.requests
    assert f"host: pictures.example:{host.port}" in request
    assert "accept-encoding: identity" in request


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (answer("404 Not Found", b"no"), ImageMissing),
        (answer("410 Gone", b"no"), ImageMissing),
        (answer("403 Forbidden", b"no"), ImageRefused),
        (answer("204 No Content", b""), ImageRefused),
        (answer("206 Partial Content", b"half"), ImageRefused),
        (answer("500 Oops", b"no"), ImageSourceDown),
        (answer("503 Busy", b"no"), ImageSourceDown),
        (answer("429 Slow down", b"no"), ImageSourceDown),
        (answer("599 Odd", b"no"), ImageSourceDown),
        (answer(Content_Length=len(BODY) + 50), ImageTruncated),
        (answer(Content_Length=100_001), ImageTooLarge),
        (answer(Content_Length="9" * 4000), ImageTooLarge),
        (answer(body=b"x" * 200_000, Content_Length=None), ImageTooLarge),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nzz\r\n", ImageTruncated),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc", ImageTruncated),
        (b"", ImageSourceDown),
        (b"HTTP/1.1 200 OK\r\nContent-", ImageTruncated),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ImageSourceDown),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500, ImageSourceDown),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", ImageSourceDown),
    ],
)
def test_each_answer_means_what_it_should(host, authority, script, error):
    with pytest.raises(error):
        fetch(host, authority, script)


def test_retry_after_is_passed_on(host, authority):
    with pytest.raises(ImageSourceDown) as caught:
        fetch(host, authority, answer("429 Slow down", b"", Retry_After=17))
    assert caught.value.retry_after_s == 17


def dripping(head, piece=b"x", pause_s=0.1, count=200):
    return [(head, pause_s), *[(piece, pause_s)] * count]


@pytest.mark.parametrize(
    "script",
    [
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        dripping(b"H", b"T"),
        [(b"", 5)],
    ],
    ids=["body", "headers", "status line", "silence"],
)
def test_a_host_that_drips_is_left_at_the_deadline(host, authority, script):
    started = time.monotonic()
    with pytest.raises(ImageSourceDown):
        fetch(host, authority, script)
    assert time.monotonic() - started < LIMITS.total_s + 1


@pytest.mark.parametrize(
    "target",
    [
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/a.jpg",
        "http://pictures.example/a.jpg",
        "file:///etc/passwd",
        "s3://waste-images/a.jpg",
        "//other.example/a.jpg",
        "https://user:word@pictures.example/a.jpg",
        "https://[bad",
        "//[",
        "",
    ],
)
def test_a_redirect_to_elsewhere_is_forbidden(host, authority, target):
    with pytest.raises(ImageForbidden):
        fetch(host, authority, answer("302 Found", b"", Location=target), hosts={"waste-images"} if target else ())
    assert len(host.requests) <= 4


def test_a_redirect_on_the_same_host_is_followed_and_a_circle_is_not(host, authority):
    host.script["/b.jpg"] = answer()
    assert fetch(host, authority, answer("307 Moved", b"", Location="/b.jpg")) == BODY
    with pytest.raises(ImageForbidden, match="redirects more than"):
        fetch(host, authority, answer("302 Found", b"", Location="/a.jpg"))


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.8", "::1", "fe80::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "0.0.0.0", "fec0::1", "192.0.0.8"]
)
def test_a_name_that_leads_to_a_private_address_is_not_connected_to(host, authority, address):
    with pytest.raises(ImageForbidden):
        fetch(host, authority, answer(), networks=(), resolver=lambda *_: [address])
    with pytest.raises(ImageForbidden):
        fetch(host, authority, answer(), networks=(), resolver=lambda *_: ["1.1.1.1", address])
    assert not host.requests


def test_an_address_that_does_not_answer_is_passed_over(host, authority):
    networks = (*LOOPBACK, ipaddress.ip_network("100::/64"))
    assert fetch(host, authority, answer(), networks=networks, resolver=lambda *_: ["100::1", "127.0.0.1"]) == BODY


def test_a_name_that_answers_differently_the_second_time_leads_nowhere_else(host, authority):
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    asked = []

    def resolver(name, port):
        asked.append(name)
        return next(answers)

    assert fetch(host, authority, answer(), resolver=resolver) == BODY
    assert asked == ["pictures.example"]


def test_another_host_behind_the_address_is_not_believed(authority):
    imposter = Host(authority, names=("other.example",))
    with pytest.raises(ImageSourceDown, match=r"(?i)hostname mismatch"):
        fetch(imposter, authority, answer())
    imposter.close()


def test_a_certificate_of_nobody_is_not_believed(host):
    with pytest.raises(ImageSourceDown, match=r"(?i)certificate"):
        fetch(host, trustme.CA(), answer())


@pytest.mark.parametrize("fails", [OSError("no such name"), None])
def test_a_name_without_address_may_come_back(host, authority, fails):
    def resolver(*_):
        if fails:
            raise fails
        return []

    with pytest.raises(ImageSourceDown):
        fetch(host, authority, answer(), resolver=resolver)


def test_a_port_where_nobody_listens_may_come_back(authority):
    host = Host(authority)
    host.close()
    with pytest.raises(ImageSourceDown):
        fetch(host, authority, answer())
