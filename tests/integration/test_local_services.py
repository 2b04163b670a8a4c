"""The embedded servers, real ones, each alone: what survives which end, and who can reach them."""

import json
import time
from collections import deque
from pathlib import Path

import psycopg
import pytest
import redis
from botocore.exceptions import ClientError

from local.ports import free_port, is_free
from local.postgres import PostgresService
from local.seaweed import SeaweedService
from local.service import ServiceFailed
from local.valkey import ValkeyService
from tests.conftest import wait_for
from tests.makers import s3


@pytest.fixture
def started():
    """A function that starts a service and kills it at the end of the test."""
    services = []

    def start(service):
        services.append(service)
        service.start()
        return service

    yield start
    for service in services:
        service.kill()


def valkey(service):
    return redis.Redis.from_url(service.url)


def rows(service):
    with psycopg.connect(service.url("postgres")) as connection:
        return [row[0] for row in connection.execute("SELECT n FROM kept ORDER BY n")]


def insert(service, number):
    with psycopg.connect(service.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [number])


def test_valkey_keeps_its_keys_over_a_stop_and_over_a_kill(tmp_path, started):
    service = started(ValkeyService(tmp_path, password='a "b" c/@'))
    valkey(service).set("before", "stop")
    port = service.port
    assert service.stop()
    service.start()
    valkey(service).set("after", "stop")
    time.sleep(1.2)
    service.kill()
    service.start()
    assert (valkey(service).get("before"), valkey(service).get("after"), service.port) == (b"stop", b"stop", port)


def test_valkey_refuses_those_without_the_password_and_writes_beyond_its_memory(tmp_path, started):
    service = started(ValkeyService(tmp_path, password="secret", maxmemory=3 * 1024 * 1024))
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=service.port, host="127.0.0.1").ping()
    client = valkey(service)
    client.set("kept", "x")
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        deque((client.set(f"big{number}", b"x" * 100_000) for number in range(100)), maxlen=0)
    assert client.get("kept") == b"x"


def test_postgres_keeps_committed_rows_over_an_immediate_stop(tmp_path, started):
    service = started(PostgresService(tmp_path))
    insert(service, 1)
    assert service.stop("immediate")
    service.start()
    assert rows(service) == [1]


def test_postgres_comes_back_after_a_kill_with_committed_rows(tmp_path, started):
    service = started(PostgresService(tmp_path))
    for number in range(3):
        insert(service, number)
        idle = psycopg.connect(service.url("postgres"))
        service.kill()
        assert (tmp_path / "cluster" / "postmaster.pid").exists()
        service.start()
        idle.close()
    assert rows(service) == [0, 1, 2]


def test_a_database_is_made_from_a_template_and_dropped_with_its_connections(tmp_path, started):
    service = started(PostgresService(tmp_path, durable=False))
    service.create_database("one")
    with psycopg.connect(service.url("one")) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS n")
    service.create_database('odd "name" /ü', template="one")
    connected = psycopg.connect(service.url('odd "name" /ü'))
    assert connected.execute("SELECT n FROM t").fetchone() == (7,)
    service.drop_database('odd "name" /ü')
    service.drop_database('odd "name" /ü')
    connected.close()
    assert (service.has_database("one"), service.has_database('odd "name" /ü')) == (True, False)
    with pytest.raises(psycopg.errors.DuplicateDatabase):
        service.create_database("one")


def test_postgres_lets_nobody_in_without_the_right_password(tmp_path, started):
    service = started(PostgresService(tmp_path, durable=False))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(service.url("postgres", password="wrong"))


def test_an_interrupted_initdb_is_begun_anew(tmp_path, started):
    partial = tmp_path / "cluster.partial"
    partial.mkdir()
    (partial / "PG_VERSION").write_text("18\n")
    started(PostgresService(tmp_path, durable=False))
    assert not partial.exists()


def test_seaweed_keeps_an_object_over_a_restart_and_a_kill_and_can_write_soon_after(tmp_path, started):
    service = started(SeaweedService(tmp_path))
    service.create_bucket("images")
    service.create_bucket("images")
    s3(service).put_object(Bucket="images", Key="a/b c.jpg", Body=b"picture")
    service.restart()
    assert s3(service).get_object(Bucket="images", Key="a/b c.jpg")["Body"].read() == b"picture"
    service.kill()
    service.start()
    assert wait_for(lambda: read_or_none(service, "images", "a/b c.jpg"), 20, "the object after a kill") == b"picture"
    before = time.monotonic()
    s3(service).put_object(Bucket="images", Key="new", Body=b"y")
    print(f"first PUT after a kill: {time.monotonic() - before:.2f} s")


def read_or_none(service, bucket, key):
    """Return an object, or None while the server, just up after a kill, answers that it cannot yet."""
    try:
        return s3(service).get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InternalError", error
        return None


def test_seaweed_refuses_wrong_and_missing_signatures_and_bad_bucket_names(tmp_path, started):
    service = started(SeaweedService(tmp_path))
    service.create_bucket("images")
    for changes in ({"aws_secret_access_key": "wrong"}, {"aws_access_key_id": "nobody"}):
        with pytest.raises(ClientError) as refusal:
            s3(service, **changes).put_object(Bucket="images", Key="k", Body=b"x")
        assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(ClientError):
        s3(service).head_object(Bucket="images", Key="k")
    with pytest.raises(ServiceFailed, match="refused the bucket"):
        service.create_bucket("x")


def test_seaweed_is_found_on_the_same_ports_with_the_same_keys_by_the_next_run(tmp_path, started):
    first = started(SeaweedService(tmp_path))
    before = (first.endpoint, first.access_key, first.secret_key)
    first.create_bucket("images")
    s3(first).put_object(Bucket="images", Key="k", Body=b"x")
    assert first.stop()
    second = started(SeaweedService(tmp_path))
    assert (second.endpoint, second.access_key, second.secret_key) == before
    assert s3(second).get_object(Bucket="images", Key="k")["Body"].read() == b"x"


def test_a_killed_seaweed_leaves_no_socket_in_tmp(tmp_path, started):
    service = started(SeaweedService(tmp_path))
    mine = [f"-grpc-{port}.sock" for port in json.loads((tmp_path / "ports.json").read_text()).values()]
    service.kill()
    assert not [path for path in Path("/tmp").glob("seaweedfs-*.sock") if path.name.endswith(tuple(mine))]


def test_a_directory_serves_one_server_at_a_time(tmp_path, started, monkeypatch):
    monkeypatch.setattr("local.service._LOCK_TIMEOUT_S", 0.2)
    first = started(ValkeyService(tmp_path))
    second = ValkeyService(tmp_path)
    with pytest.raises(ServiceFailed, match="in use by another process"):
        second.start()
    assert not second.running
    assert valkey(first).ping()


def test_a_taken_port_is_told_with_the_log_and_leaves_nothing_running(tmp_path, started):
    holder = started(ValkeyService(tmp_path / "holder"))
    late = PostgresService(tmp_path / "late", port=holder.port, durable=False)
    with pytest.raises(ServiceFailed, match="Address already in use"):
        late.start()
    assert not late.running


def test_ports_are_below_those_of_outgoing_connections():
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = {free_port() for _ in range(20)}
    assert len(ports) == 20
    assert max(ports) < first_outgoing
    assert all(is_free(port) for port in ports)
