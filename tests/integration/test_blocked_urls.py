"""What the fleet must not fetch: a hundred URLs, and a canary behind each private address that hears nothing."""

import socket
import ssl
import threading
from concurrent.futures import Future

import pytest

from adapters.http.images import HttpsImages
from adapters.image_source import FleetImageSource
from contracts.errors import ImageForbidden
from contracts.image_urls import UrlRule

SPELLED = """
http://pictures.example/a.jpg
HTTP://pictures.example/a.jpg
ftp://pictures.example/a.jpg
file:///etc/passwd
file://localhost/etc/passwd
gopher://127.0.0.1:{port}/_x
dict://127.0.0.1:{port}/x
ldap://127.0.0.1:{port}/x
data:image/png;base64,iVBORw0KGgo=
javascript:alert(1)
jar:https://pictures.example/a!/b
redis://127.0.0.1:{port}/0
//pictures.example/a.jpg
pictures.example/a.jpg
https:/pictures.example/a.jpg
https:pictures.example/a.jpg
https://
https:///a.jpg
https://other.example/a.jpg
https://pictures.example.evil.example/a.jpg
https://evilpictures.example/a.jpg
https://sub.pictures.example/a.jpg
https://pictures.example./a.jpg
https://pictures.example:80/a.jpg
https://pictures.example:{port}/a.jpg
https://pictures.example:99999/a.jpg
https://pictures.example:-1/a.jpg
https://pictures.example:0/a.jpg
https://user@pictures.example/a.jpg
https://user:word@pictures.example/a.jpg
https://pictures.example@127.0.0.1:{port}/a.jpg
https://127.0.0.1:{port}@pictures.example/a.jpg
https://pictures.example%40127.0.0.1:{port}/a.jpg
https://pictures.example#@127.0.0.1:{port}/a.jpg
https://pictures.example/a.jpg#b
https://127.0.0.1:{port}/a.jpg
https://127.1:{port}/a.jpg
https://127.000.000.001:{port}/a.jpg
https://0177.0.0.1:{port}/a.jpg
https://0x7f.0.0.1:{port}/a.jpg
https://0x7f000001:{port}/a.jpg
https://2130706433:{port}/a.jpg
https://017700000001:{port}/a.jpg
https://0:{port}/a.jpg
https://0.0.0.0:{port}/a.jpg
https://localhost:{port}/a.jpg
https://LOCALHOST:{port}/a.jpg
https://localhost.localdomain:{port}/a.jpg
https://[::1]:{port}/a.jpg
https://[::]:{port}/a.jpg
https://[::ffff:127.0.0.1]:{port}/a.jpg
https://[::ffff:7f00:1]:{port}/a.jpg
https://[0:0:0:0:0:0:0:1]:{port}/a.jpg
https://[::1%25lo]:{port}/a.jpg
https://[64:ff9b::7f00:1]:{port}/a.jpg
https://[2002:7f00:1::]:{port}/a.jpg
https://169.254.169.254/latest/meta-data/
https://[fd00:ec2::254]/latest/meta-data/
https://metadata.google.internal/computeMetadata/v1/
https://100.100.100.200/latest/meta-data/
https://10.0.0.1/a.jpg
https://192.168.0.1/a.jpg
https://172.16.0.1/a.jpg
https://pictures.example\\@127.0.0.1:{port}/a.jpg
https:\\\\pictures.example\\a.jpg
https://pictures.example/a\\..\\b.jpg
https://pictures.example/a b.jpg
https://pictures.example/a%0d%0aHost:%20evil\r\nX: y
https://pictures.example/\x00
https://pictures.example\x00.evil.example/a.jpg
https://pictures.example\t/a.jpg
https://p\u0456ctures.example/a.jpg
https://pictures\u3002example/a.jpg
https://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460:{port}/a.jpg
s3://other-bucket/a.jpg
s3://waste-images
s3://waste-images/
s3://waste-images/../other-bucket/a.jpg
s3://waste-images/a/../../b
s3://waste-images//a.jpg
s3://waste-images/./a.jpg
s3://WASTE-IMAGES/a.jpg
s3://waste-images@other/a.jpg
s3://waste-images.s3.amazonaws.com/a.jpg
S3://waste-images/a.jpg
""".strip().split("\n")  # fmt: skip

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::1", "::", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a9fe:a9fe::", "2001:0:7f00:1::", "2001:db8::1", "100::1",
]  # fmt: skip


class Canary:
    """Listens on every loopback address and tells whether anybody came."""

    def __init__(self):
        self.heard = []
        self._sockets = [socket.create_server(("0.0.0.0", 0))]
        self.port = self._sockets[0].getsockname()[1]
        if socket.has_ipv6:
            self._sockets.append(socket.create_server(("::", self.port), family=socket.AF_INET6, dualstack_ipv6=False))
        for one in self._sockets:
            threading.Thread(target=self._listen, args=(one,), daemon=True).start()

    def _listen(self, server):
        while True:
            try:
                connection, address = server.accept()
            except OSError:
                return
            self.heard.append(address)
            connection.close()

    def close(self):
        for one in self._sockets:
            one.shutdown(socket.SHUT_RDWR)
            one.close()


class NoStore:
    """A store that nothing may ask for anything."""

    def begin(self, location):
        pytest.fail(f"asked for {location}")


@pytest.fixture(scope="module")
def canary():
    canary = Canary()
    yield canary
    canary.close()


def fetch(url, canary, resolver):
    rule = UrlRule(frozenset({"waste-images"}), frozenset({"pictures.example", f"inside.example:{canary.port}"}))
    pages = HttpsImages(rule, resolver=resolver, tls=ssl.create_default_context())
    source = FleetImageSource(rule, NoStore(), pages, bucket="waste-images")
    future: Future = source.begin(url)
    return future.result(timeout=10)


def test_the_canary_hears_whoever_comes(canary):
    for address in ("127.0.0.1", "::1"):
        socket.create_connection((address, canary.port)).close()
    deadline = threading.Event()
    while len(canary.heard) < 2:
        deadline.wait(0.01)
    canary.heard.clear()


@pytest.mark.parametrize("spelled", SPELLED)
def test_what_is_not_ours_is_refused_before_any_name_is_looked_up(canary, spelled):
    looked_up = []
    with pytest.raises(ImageForbidden) as refused:
        fetch(spelled.format(port=canary.port), canary, lambda host, _: looked_up.append(host) or ["127.0.0.1"])
    assert (refused.value.reason, looked_up, canary.heard) == ("url_blocked", [], [])


@pytest.mark.parametrize("address", PRIVATE)
@pytest.mark.parametrize("beside", [[], ["93.184.216.34"]])
def test_a_name_of_ours_that_leads_inside_is_refused_whatever_else_it_leads_to(canary, address, beside):
    with pytest.raises(ImageForbidden) as refused:
        fetch(f"https://inside.example:{canary.port}/a.jpg", canary, lambda *_: [*beside, address])
    assert (refused.value.reason, canary.heard) == ("url_blocked", [])


def test_a_name_is_looked_up_once_so_that_its_second_answer_leads_nowhere(canary):
    answers = iter([["192.0.2.1"], ["127.0.0.1"]])
    with pytest.raises(ImageForbidden):
        fetch(f"https://inside.example:{canary.port}/a.jpg", canary, lambda *_: next(answers))
    assert next(answers) == ["127.0.0.1"]
    assert canary.heard == []


def test_the_table_is_as_long_as_it_says():
    assert len(SPELLED) + len(PRIVATE) >= 100
    assert len(set(SPELLED)) == len(SPELLED)
