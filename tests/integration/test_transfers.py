"""Downloads side by side, from servers that lie, drip and hang."""

import socket
import ssl
import threading
import time

import pytest
import trustme

from adapters.http.downloads import DownloadLimits
from adapters.http.transfers import Transfers
from contracts.errors import ImageSourceDown, ImageTooLarge, ImageTruncated
from tests.conftest import wait_for


class Server:
    """Calls `answer(connection)` for each connection, after its first request."""

    def __init__(self, answer, tls=None):
        self.socket, self.answer, self.tls = socket.create_server(("127.0.0.1", 0)), answer, tls
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.socket.getsockname()[1]}/a.jpg"
        self.requests = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with connection if self.tls is None else self.tls.wrap_socket(connection, server_side=True) as line:
                self.requests.append(line.recv(65536))
                self.answer(line)
        except OSError:
            pass


def served(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.fixture
def transfers():
    return Transfers(DownloadLimits(max_bytes=100_000, total_s=1.0))


@pytest.fixture
def server():
    running = []

    def start(answer, **options):
        running.append(Server(answer, **options))
        return running[-1]

    yield start
    for one in running:
        one.socket.close()


def body_of(answer):
    return answer.body


def drip(line):
    line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        line.sendall(b"x")
        time.sleep(0.05)


def flood(line):
    line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        line.sendall(b"x" * 8192)


def test_headers_that_drip_end_at_the_deadline(transfers, server):
    started = time.monotonic()
    with pytest.raises(ImageSourceDown):
        transfers.begin(server(drip).url, {}, body_of).result(5)
    assert 0.8 < time.monotonic() - started < 3


def test_a_body_without_end_is_cut_at_the_cap(transfers, server):
    with pytest.raises(ImageTooLarge):
        transfers.begin(server(flood).url, {}, body_of).result(5)


def test_a_picture_does_not_wait_for_slow_ones(transfers, server):
    slow = [transfers.begin(server(drip).url, {}, body_of) for _ in range(5)]
    assert transfers.begin(server(lambda line: line.sendall(served(b"abc"))).url, {}, body_of).result(0.7) == b"abc"
    assert not any(one.done() for one in slow)


def test_a_transfer_that_is_given_up_ends_its_connection(server):
    closed = threading.Event()

    def hang(line):
        assert line.recv(10) == b""
        closed.set()

    host = server(hang)
    future = Transfers(DownloadLimits()).begin(host.url, {}, body_of)
    wait_for(lambda: host.requests)
    assert future.cancel()
    assert closed.wait(3)


def test_one_that_is_begun_by_the_end_of_another_can_be_given_up(server):
    closed, second = threading.Event(), []

    def hang(line):
        assert line.recv(10) == b""
        closed.set()

    transfers, host = Transfers(DownloadLimits()), server(hang)
    first = transfers.begin(server(lambda line: line.sendall(served(b"abc"))).url, {}, body_of)
    first.add_done_callback(lambda _: second.append(transfers.begin(host.url, {}, body_of)))
    wait_for(lambda: host.requests)
    assert second[0].cancel()
    assert closed.wait(3)


def test_proxy_variables_lead_nowhere(transfers, server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "socks5h://127.0.0.1:1")
    assert transfers.begin(server(lambda line: line.sendall(served(b"abc"))).url, {}, body_of).result(2) == b"abc"


def test_what_an_answer_means_may_be_an_unforeseen_error(transfers, server):
    host = server(lambda line: line.sendall(served(b"abc")))
    with pytest.raises(ZeroDivisionError):
        transfers.begin(host.url, {}, lambda _: 1 / 0).result(2)
    assert transfers.begin(host.url, {}, body_of).result(2) == b"abc"


def test_no_other_scheme_is_spoken(transfers, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"abc")
    with pytest.raises(ImageSourceDown):
        transfers.begin(f"file://{tmp_path}/a.jpg", {}, body_of).result(2)


def test_https_is_believed_from_the_authorities_that_python_believes(transfers, server, monkeypatch, tmp_path):
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    host = server(lambda line: line.sendall(served(b"abc")), tls=tls)
    with pytest.raises(ImageSourceDown):
        transfers.begin(host.url, {}, body_of).result(5)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert Transfers(DownloadLimits()).begin(host.url, {}, body_of).result(5) == b"abc"


def test_what_a_server_asks_to_wait_is_told(transfers, server):
    host = server(lambda line: line.sendall(b"HTTP/1.1 503 x\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"))
    assert transfers.begin(host.url, {}, lambda answer: (answer.status, answer.retry_after_s)).result(2) == (503, 7.0)


def test_an_address_that_cannot_be_asked_is_its_own_trouble_alone(transfers, server):
    host = server(lambda line: line.sendall(served(b"abc")))
    broken = transfers.begin("http://müll.example/a.jpg", {"x": "ü"}, body_of)
    fine = transfers.begin(host.url, {}, body_of)
    assert broken.exception(2) is not None
    assert fine.result(2) == b"abc"


def test_an_unforeseen_error_of_the_loop_ends_what_is_under_way_and_no_more(transfers, server, monkeypatch):
    hanging = server(lambda line: time.sleep(3))
    under_way = transfers.begin(hanging.url, {}, body_of)
    wait_for(lambda: hanging.requests)
    real = transfers._collect

    def once():
        monkeypatch.setattr(transfers, "_collect", real)
        raise ZeroDivisionError

    monkeypatch.setattr(transfers, "_collect", once)
    transfers._ring()
    with pytest.raises(ZeroDivisionError):
        under_way.result(2)
    assert transfers.begin(server(lambda line: line.sendall(served(b"abc"))).url, {}, body_of).result(2) == b"abc"


def test_an_error_that_breaks_off_is_still_that_error(transfers, server):
    host = server(lambda line: line.sendall(b"HTTP/1.1 503 x\r\nContent-Length: 100\r\n\r\nabc"))
    assert transfers.begin(host.url, {}, lambda answer: answer.status).result(2) == 503


def test_kept_connections_that_all_died_cost_no_picture(transfers, server):
    together = threading.Barrier(12)

    def once(line):
        together.wait(5)
        line.sendall(served(b"picture"))
        line.recv(65536)  # the next request over this connection, which it does not survive

    dying = server(once)
    for future in [transfers.begin(dying.url, {}, body_of) for _ in range(12)]:
        assert future.result(5) == b"picture"
    dying.answer = lambda line: line.sendall(served(b"picture"))
    assert transfers.begin(dying.url, {}, body_of).result(5) == b"picture"


@pytest.mark.parametrize("early", [b"HTTP/1.1 100 Continue", b"HTTP/1.1 103 Early Hints", b"HTTP/1.1 206 Partial"])
def test_a_break_before_the_final_answer_is_a_fault_of_the_server_and_may_pass(transfers, server, early):
    host = server(lambda line: line.sendall(early + b"\r\nContent-Length: 100\r\n\r\n"))
    with pytest.raises((ImageSourceDown, ImageTruncated)):
        transfers.begin(host.url, {}, lambda answer: answer.status).result(2)


def test_an_error_without_a_text_is_named(transfers, server):
    host = server(lambda line: line.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n"))
    with pytest.raises(ImageSourceDown, match=r"[A-Za-z_]{4,} .*\(libcurl \d+\)"):
        transfers.begin(host.url, {}, body_of).result(2)
