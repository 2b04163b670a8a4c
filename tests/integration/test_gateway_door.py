"""The gateway as a bin sees it: what its answers mean, and what answers that are none of its."""

import json
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import pytest
import trustme

from adapters.http import gateway_door
from adapters.http.gateway_door import GatewayDoor, SlowLine, Speaker
from contracts.edge import DoorAway, DoorRefused, DoorUnbelieving
from contracts.gateway import Upload

SPEAKER = Speaker("bin-7", "v1.x.y")
EVENT = UUID("019de368-f600-7537-97db-c3621e959778")
PROBLEM = "urn:waste-fleet:problem:"


@pytest.fixture
def served():
    """Return a function that serves one answer to everything and returns the address."""
    servers = []

    def serve(status, body, headers=(), tls=None):
        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815 - the library's names

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"{'https' if tls else 'http'}://localhost:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def door(url, heard=lambda at_s, error_s: None):
    return GatewayDoor(url, SPEAKER, heard, SlowLine(2, 2))


def problem(kind, status, more=""):
    return f'{{"type":"{PROBLEM}{kind}","status":{status},"detail":"because"{more}}}'.encode()


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "retry_after_s"),
    [
        (503, problem("overloaded", 503), [("retry-after", "17")], DoorAway, 17.0),
        (503, problem("away", 503, ',"retry_after_s":2.5'), [], DoorAway, 2.5),
        (429, problem("too-fast", 429), [("retry-after", "3")], DoorAway, 3.0),
        (401, problem("not-signed", 401), [], DoorUnbelieving, None),
        (401, b"a proxy's page", [], DoorAway, None),
        (422, problem("invalid", 422), [], DoorRefused, None),
        (413, b"<html>nginx says no</html>", [], DoorAway, None),
        (200, b"<html>Welcome to the hotel</html>", [], DoorAway, None),
        (200, b'{"hello":"hotel"}', [], DoorAway, None),
        (302, b"", [("location", "http://login.example")], DoorAway, None),
        (500, b"", [], DoorAway, None),
    ],
)
def test_an_answer_is_a_refusal_only_if_the_gateway_itself_says_so(served, status, body, headers, error, retry_after_s):
    url = served(status, body, headers)
    for call in (
        lambda: door(url).send([b"{}"]),
        lambda: door(url).place(EVENT, "image/jpeg", 5),
        lambda: door(url).contact(0, {}),
    ):
        with pytest.raises(error) as raised:
            call()
        if retry_after_s is not None:
            assert raised.value.retry_after_s == retry_after_s


def test_the_rate_that_the_gateway_asks_for_is_heard_and_forgotten(served):
    results = b'{"results":[{"status":202,"event_id":"x"}]}'
    asked = door(served(202, results, [("waste-rate", "0.25")]))
    assert [fate.taken for fate in asked.send([b"{}"])] == [True]
    assert asked.share == 0.25
    calm = door(served(202, results))
    calm.send([b"{}"])
    assert calm.share == 1.0


def test_each_event_of_a_batch_has_its_own_fate(served):
    body = b'{"results":[{"status":202,"event_id":"x"},{"status":429,"problem":%s},{"status":409,"problem":%s}]}' % (
        problem("too-fast", 429, ',"retry_after_s":4'),
        problem("event-conflict", 409),
    )
    fates = door(served(207, body)).send([b"{}"] * 3)
    assert [(fate.taken, fate.again, fate.kind, fate.retry_after_s) for fate in fates] == [
        (True, False, "", None),
        (False, True, "too-fast", 4),
        (False, False, "event-conflict", None),
    ]


def test_a_gateway_that_is_not_there_or_says_nothing_is_away():
    with pytest.raises(DoorAway, match="refused"):
        door("http://127.0.0.1:1").contact(0, {})


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b""), (200, b"<html>Welcome to the hotel</html>"), (200, b'{"hello":"hotel"}'), (302, b""), (401, b"a proxy's page")],
)
def test_the_date_of_an_answer_that_is_none_of_the_gateways_tells_nothing(served, status, body):
    heard = []
    one = door(served(status, body), lambda at_s, error_s: heard.append((at_s, error_s)))
    for call in (lambda: one.send([b"{}"]), lambda: one.place(EVENT, "image/jpeg", 5), lambda: one.contact(0, {})):
        with pytest.raises(DoorAway):
            call()
    assert heard == []


@pytest.mark.parametrize(
    ("status", "body"), [(503, problem("away", 503)), (207, b'{"results":[{"status":202}]}'), (401, problem("not-signed", 401))]
)
def test_the_date_of_the_gateways_own_answer_tells_the_time(served, status, body):
    heard = []
    with suppress(DoorAway, DoorUnbelieving):
        door(served(status, body), lambda at_s, error_s: heard.append((at_s, error_s))).send([b"{}"])
    ((at_s, error_s),) = heard
    assert abs(at_s - time.time()) <= error_s + 0.1


@pytest.mark.parametrize("number", ["1e12", "1e300", "Infinity", "NaN", "-5", "1" + "0" * 400])
def test_numbers_of_an_answer_are_bounded(served, number):
    with pytest.raises(DoorAway) as raised:
        door(served(503, problem("away", 503, f',"retry_after_s":{number}'))).place(EVENT, "image/jpeg", 5)
    assert 0 <= raised.value.retry_after_s <= 3600
    advice = f'{{"time":"2026-05-01T12:00:00+00:00","share":{number},"pause_s":{number}}}'.encode()
    told = door(served(200, advice)).contact(0, {})
    assert 0 <= told.share <= 1
    assert 0 <= told.pause_s <= 3600
    busy = door(served(202, b'{"results":[{"status":202}]}', [("waste-rate", number[:300])]))
    busy.send([b"{}"])
    assert 0 <= busy.share <= 1


def test_what_the_fleet_says_of_an_event_is_text_and_a_number_or_none_of_its_answers(served):
    said = door(served(200, b'{"outcome":{"a":1},"category":["glass"],"confidence":0.5}')).find(EVENT)
    assert (type(said.outcome), type(said.category), said.confidence) == (str, str, 0.5)
    with pytest.raises(DoorAway):
        door(served(200, b'{"outcome":"prediction","confidence":"much"}')).find(EVENT)


def test_a_place_on_a_server_that_is_not_there_cannot_be_reached(served):
    away = Upload("s3://b/k", "http://127.0.0.1:1/b/k?x=1", {}, datetime.now(UTC))
    with pytest.raises(DoorAway, match="refused"):
        door("http://127.0.0.1:1").reach(away)
    door("http://127.0.0.1:1").reach(replace(away, url=served(403, b"") + "/b/k?x=1"))


def test_an_answer_nested_too_deep_is_none_of_the_gateways(served):
    with pytest.raises(DoorAway, match="none of the gateway's"):
        door(served(200, b"[" * 200_000)).contact(0, {})


def test_a_gateway_without_tls_at_an_https_address_is_named(served):
    with pytest.raises(DoorAway, match="does not speak TLS at that port"):
        door(served(200, b"").replace("http:", "https:")).contact(0, {})


@pytest.fixture
def certified(monkeypatch, tmp_path):
    """Return a function that makes a server's TLS with a certificate of these days, believed by this process."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    def make(first, last, name="localhost"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        now = datetime.now(UTC)
        authority.issue_cert(name, not_before=now + timedelta(days=first), not_after=now + timedelta(days=last)).configure_cert(
            context
        )
        return context

    return make


def test_a_bin_whose_clock_was_never_set_can_still_ask_for_the_time(served, certified, monkeypatch):
    """To a clock of 1970 no certificate is valid yet; here the certificate begins tomorrow, which is the same."""
    url = served(503, problem("away", 503), tls=certified(1, 30))
    with pytest.raises(DoorAway, match="certificate is not believed"):
        door(url).contact(0, {})
    monkeypatch.setattr(gateway_door, "_NEVER_BEFORE_S", time.time() + 1000)
    with pytest.raises(DoorAway, match="away: because"):
        door(url).contact(0, {})
    elsewhere = served(503, problem("away", 503), tls=certified(1, 30, "elsewhere.example"))
    with pytest.raises(DoorAway, match="certificate is not believed"):
        door(elsewhere).contact(0, {})


@pytest.fixture
def dripping():
    """Return a function that serves bytes, and then more of them without an end."""
    servers = []

    def serve(first, more, every_s):
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def drip():
            with suppress(OSError):
                connection, _ = server.accept()
                connection.recv(65_536)
                connection.sendall(first)
                while True:
                    time.sleep(every_s)
                    connection.sendall(more)

        threading.Thread(target=drip, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield serve
    for server in servers:
        server.close()


@pytest.mark.parametrize(
    ("first", "more", "every_s"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"x", 0.2),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b"x", 0.2),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),
    ],
)
@pytest.mark.timeout(20)
def test_an_answer_that_never_ends_is_ended_though_something_comes_all_the_time(dripping, first, more, every_s):
    slow = GatewayDoor(dripping(first, more, every_s), SPEAKER, lambda at_s, error_s: None, SlowLine(2, 2, 3))
    began = time.monotonic()
    with pytest.raises(DoorAway, match="took over 3 s"):
        slow.send([b"{}"])
    assert time.monotonic() - began < 6


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("url", "http://[::1/x"),
        ("url", "file:///etc/passwd"),
        ("url", ""),
        ("url", f"http://{'a' * 80}.x/"),
        ("image_url", ""),
        ("image_url", "s3://" + "x" * 4000),
        ("headers", {"a": "b\r\nc: d"}),
    ],
)
def test_a_place_that_is_none_is_no_end_of_the_sending(served, name, value):
    here = served(200, b"{}")
    found = {"image_url": "s3://b/k", "url": f"{here}/k", "headers": {}, "expires_at": "2026-05-01T12:00:00Z"} | {name: value}
    one = door(served(200, json.dumps(found).encode(), [("date", "Fri, 01 May 2026 12:00:00 GMT")]))
    with pytest.raises(DoorAway):
        one.put(one.place(EVENT, "image/jpeg", 3), b"abc")
