"""The embedded servers, real ones: what survives which end, who can reach them, and what they leave behind."""

import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

import boto3
import psycopg
import pytest
import redis
from botocore.config import Config
from botocore.exceptions import ClientError

from local.ports import free_port, is_free
from local.postgres import PostgresService
from local.seaweed import SeaweedService
from local.service import ServiceFailed
from local.stack import Stack
from local.valkey import ValkeyService
from tests.conftest import wait_for

REPOSITORY = Path(__file__).resolve().parents[2]
LISTEN = "0A"
LOOPBACK_V4 = "0100007F"

# Starts a stack in argv[1], says the pids, and then does nothing.
STACK_OWNER = """
import json, sys, time
from pathlib import Path
from local.stack import Stack
stack = Stack(Path(sys.argv[1]), durable=False)
stack.start()
print(json.dumps({service.name: service.pid for service in stack.services}), flush=True)
if "stay" in sys.argv:
    time.sleep(600)
print(stack.stop(), flush=True)
"""


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


def s3(service, **changes):
    keys = {"aws_access_key_id": service.access_key, "aws_secret_access_key": service.secret_key} | changes
    config = Config(retries={"total_max_attempts": 1}, read_timeout=30)
    return boto3.client("s3", endpoint_url=service.endpoint, region_name="us-east-1", config=config, **keys)


def valkey(service):
    return redis.Redis.from_url(service.url)


def rows(service):
    with psycopg.connect(service.url("postgres")) as connection:
        return [row[0] for row in connection.execute("SELECT n FROM kept ORDER BY n")]


def insert(service, number):
    with psycopg.connect(service.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [number])


def state(pid):
    """The state letter of a process, or nothing when it is gone; a dead process that nobody has collected is gone too."""
    try:
        letter = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if letter in "ZX" else letter


def all_gone_within(pids, timeout_s):
    deadline = time.monotonic() + timeout_s
    while any(state(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(state(pid) for pid in pids)


def addresses_listened_on(pid):
    """The local addresses, as /proc writes them, of the TCP sockets on which a process listens."""
    links = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]
    inodes = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:[")}
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN and fields[9] in inodes:
                found.append(fields[1].rpartition(":")[0])
    return found


def own(*arguments, **options):
    code = [sys.executable, "-c", STACK_OWNER, *map(str, arguments)]
    return subprocess.Popen(code, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, **options)


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


def test_secrets_can_be_read_by_their_owner_only(tmp_path):
    Stack(tmp_path / "data").postgres.password  # noqa: B018 - asking for it makes it
    secrets = [path for path in tmp_path.rglob("*") if path.name in {"password", "secret-key", "access-key"}]
    assert len(secrets) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


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


def test_the_stack_is_up_in_seconds_on_loopback_only_and_stops_in_time(tmp_path):
    data_dir = tmp_path / "with some spaces" / ("long" * 50) / ("longer" * 25)
    stack = Stack(data_dir, durable=False)
    begun = time.monotonic()
    with stack:
        up = time.monotonic() - begun
        pids = [service.pid for service in stack.services]
        listening = {service.name: addresses_listened_on(service.pid) for service in stack.services}
        assert all(listening.values())
        assert {address for found in listening.values() for address in found} == {LOOPBACK_V4}
        assert redis.Redis.from_url(stack.addresses.redis_url).ping()
        with psycopg.connect(stack.addresses.postgres_url) as connection:
            assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        s3(stack.seaweed).put_object(Bucket=stack.addresses.s3_bucket, Key="k", Body=b"x")
        begun = time.monotonic()
    down = time.monotonic() - begun
    begun = time.monotonic()
    with stack:
        again = time.monotonic() - begun
    print(f"stack up in {up:.2f} s, down in {down:.2f} s, up again in {again:.2f} s")
    assert down < 8
    assert all_gone_within(pids, 1)


def test_a_stack_of_which_one_service_fails_leaves_none_running(tmp_path):
    stack = Stack(tmp_path, durable=False)
    (tmp_path / "postgres" / "cluster").mkdir()
    with pytest.raises(ServiceFailed, match="postgres ended while starting"):
        stack.start()
    assert not any(service.running for service in stack.services)


def test_addresses_do_not_show_their_secrets(tmp_path):
    with Stack(tmp_path, durable=False) as stack:
        shown = repr(stack.addresses)
        for secret in (stack.postgres.password, stack.seaweed.secret_key, stack.valkey.password):
            assert secret not in shown


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_no_server_outlives_a_supervisor_that_is_killed(tmp_path):
    owner = own(tmp_path, "stay")
    try:
        pids = json.loads(owner.stdout.readline())
        time.sleep(0.5)
        assert all(state(pid) for pid in pids.values())
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()
    assert all_gone_within(pids.values(), 10)
    # And the next one finds the directory free and in order.
    with Stack(tmp_path, durable=False) as stack:
        assert len({service.pid for service in stack.services}) == 3


def test_ctrl_c_in_the_terminal_does_not_reach_the_servers(tmp_path):
    owner = own(tmp_path, "stay", start_new_session=True)
    try:
        pids = json.loads(owner.stdout.readline())
        assert {os.getsid(pid) for pid in pids.values()} == set(pids.values())
    finally:
        os.killpg(owner.pid, signal.SIGKILL)
        owner.wait()
        owner.stdout.close()
    assert all_gone_within(pids.values(), 10)


def python_for(user):
    """An interpreter of this version that the user can run: root's own often lies in a directory closed to others."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    check = "import ctypes, os, sys; sys.exit(not os.access(sys.executable, os.X_OK))"
    for candidate in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        probe = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", candidate, "-c", check]
        if Path(candidate).exists() and subprocess.run(probe, capture_output=True, cwd="/").returncode == 0:
            return candidate
    return None


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can become somebody else")
def test_the_stack_runs_for_an_ordinary_user_too():
    user = pwd.getpwnam("nobody")
    python = python_for(user)
    if python is None:
        pytest.skip("no Python of this version that an ordinary user could run")
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    # Not tmp_path: the directories above it are closed to others.
    with tempfile.TemporaryDirectory(prefix="stack-of-nobody-") as home:
        os.chown(home, user.pw_uid, user.pw_gid)
        env = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": home, "PYTHONDONTWRITEBYTECODE": "1"}
        env["PYTHONPATH"] = f"{REPOSITORY}:{packages}:{home}"
        # redis needs this package for a system Python older than 3.11.3, which ours is not.
        Path(home, "async_timeout.py").write_text("from asyncio import timeout\n")
        become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        command = [*become, python, "-c", STACK_OWNER, f"{home}/data"]
        done = subprocess.run(command, env=env, cwd=home, capture_output=True, text=True, timeout=60)
        assert done.stdout.splitlines()[-1:] == ["True"], done.stderr
        assert {path.stat().st_uid for path in Path(home, "data").rglob("*")} == {user.pw_uid}
