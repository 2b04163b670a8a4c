"""The object store: a real server for what it does, a hostile one for what it must survive."""

import socket
import threading

import pytest

from adapters.http.downloads import DownloadLimits
from adapters.s3.images import S3Images
from adapters.s3.objects import S3Objects
from adapters.s3.sigv4 import AwsKeys
from contracts.errors import (
    ImageMissing,
    ImageRefused,
    ImageSourceDown,
    ImageTooLarge,
    ImageTruncated,
    ObjectStoreUnavailable,
    StoreKeysRefused,
)
from contracts.image_urls import S3Location
from local.ports import free_port


class Store:
    """What devices write to and workers read from."""

    def __init__(self, stack, *, secret=None, bucket=None, limits=None, endpoint=None):
        addresses = stack.addresses
        keys = AwsKeys(addresses.s3_access_key, secret or addresses.s3_secret_key)
        place = {"endpoint_url": endpoint or addresses.s3_endpoint, "region": addresses.s3_region, "limits": limits}
        self.put = S3Objects(lambda: keys, bucket=bucket or addresses.s3_bucket, **place).put
        self.images = S3Images(lambda: keys, **place)
        self.begin = self.images.begin

    def fetch(self, location):
        return self.begin(location).result(20)


a_store = Store


def located(stack, key):
    return S3Location(stack.addresses.s3_bucket, key)


@pytest.mark.parametrize("key", ["bin-1/a.jpg", "bin 1/ä+b&c=d?.jpg", "x/~tilde'(1)*.png"])
def test_what_was_put_is_fetched_whatever_its_name(stack, key):
    store = a_store(stack)
    assert store.put(key, b"picture " + key.encode(), "image/jpeg") == f"s3://{stack.addresses.s3_bucket}/{key}"
    assert store.fetch(located(stack, key)) == b"picture " + key.encode()


def test_what_is_not_there_is_missing(stack):
    with pytest.raises(ImageMissing, match="404"):
        a_store(stack).fetch(located(stack, "nothing/here.jpg"))


def test_an_object_over_the_cap_is_not_read(stack):
    a_store(stack).put("large", b"x" * 200_000, "image/jpeg")
    with pytest.raises(ImageTooLarge, match="more than 199999 bytes are announced"):
        a_store(stack, limits=DownloadLimits(max_bytes=199_999)).fetch(located(stack, "large"))


def test_a_wrong_key_is_refused_and_said(stack):
    store = a_store(stack, secret="wrong")
    with pytest.raises(StoreKeysRefused, match="HTTP 403 SignatureDoesNotMatch"):
        store.fetch(located(stack, "large"))
    with pytest.raises(ObjectStoreUnavailable, match="refuses the requests: HTTP 403 SignatureDoesNotMatch"):
        store.images.check(stack.addresses.s3_bucket, answers=False)
    a_store(stack).images.check(stack.addresses.s3_bucket, answers=True)
    busy = a_store(stack)
    busy.put("served", b"x", "image/jpeg")
    busy.fetch(located(stack, "served"))
    busy.images._requests._keys = lambda: AwsKeys(stack.addresses.s3_access_key, "rotated")
    busy.images.check(stack.addresses.s3_bucket, answers=True)  # it served an object a moment ago
    busy.images._served_at -= 10
    with pytest.raises(ObjectStoreUnavailable):
        busy.images.check(stack.addresses.s3_bucket, answers=True)
    away = a_store(stack, endpoint=f"http://127.0.0.1:{free_port()}")
    away.images.check(stack.addresses.s3_bucket, answers=False)
    with pytest.raises(ObjectStoreUnavailable):
        away.images.check(stack.addresses.s3_bucket, answers=True)
    with pytest.raises(ObjectStoreUnavailable, match="403 SignatureDoesNotMatch"):
        store.put("a", b"a", "image/jpeg")


def test_many_threads_share_one_store(stack):
    store = a_store(stack)
    store.put("shared", b"x" * 50_000, "image/jpeg")
    got, errors = [], []

    def fetch():
        try:
            got.extend(len(store.fetch(located(stack, "shared"))) for _ in range(20))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (errors, got) == ([], [50_000] * 160)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 503 x\r\nContent-Length: 29\r\n\r\n<a><Code>SlowDown</Code></a> ", ImageSourceDown),
        (b"HTTP/1.1 400 x\r\nContent-Length: 35\r\n\r\n<a><Code>RequestTimeout</Code></a>   ", ImageSourceDown),
        (b"HTTP/1.1 403 x\r\nContent-Length: 3\r\n\r\n<a>", ImageRefused),
        (b"HTTP/1.1 400 x\r\nContent-Length: 47\r\n\r\n<!DOCTYPE a [<!ENTITY b 'SlowDown'>]><Code>&b;</", ImageRefused),
        (b"HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", ImageRefused),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", ImageTruncated),
        (b"nonsense", ImageSourceDown),
        (b"", ImageSourceDown),
    ],
)
def test_each_answer_of_a_store_means_what_it_should(stack, answer, error):
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    with server, pytest.raises(error):
        a_store(stack, endpoint=f"http://127.0.0.1:{server.getsockname()[1]}").fetch(located(stack, "a.jpg"))


def test_a_store_that_is_away_is_said_so(stack):
    store = a_store(stack, endpoint=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ImageSourceDown):
        store.fetch(located(stack, "a.jpg"))
    with pytest.raises(ObjectStoreUnavailable):
        store.put("a", b"a", "image/jpeg")


def test_a_kept_connection_that_the_store_has_closed_is_replaced_unnoticed(stack):
    server = socket.create_server(("127.0.0.1", 0))
    taken = []

    def serve():
        while True:
            connection, _ = server.accept()
            with connection:
                taken.append(connection.recv(65536)[:4])
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")

    threading.Thread(target=serve, daemon=True).start()
    store = a_store(stack, endpoint=f"http://127.0.0.1:{server.getsockname()[1]}")
    assert [store.fetch(located(stack, "a.jpg")) for _ in range(5)] == [b"abc"] * 5
    assert len(taken) == 5


def test_connections_are_kept(stack):
    server = socket.create_server(("127.0.0.1", 0))
    taken = []

    def serve():
        while True:
            connection, _ = server.accept()
            taken.append(connection)
            while connection.recv(65536):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")

    threading.Thread(target=serve, daemon=True).start()
    store = a_store(stack, endpoint=f"http://127.0.0.1:{server.getsockname()[1]}")
    assert [store.fetch(located(stack, "a.jpg")) for _ in range(5)] == [b"abc"] * 5
    assert len(taken) == 1


def test_an_empty_object_is_what_it_is(stack):
    store = a_store(stack)
    store.put("empty", b"", "image/jpeg")
    assert store.fetch(located(stack, "empty")) == b""
