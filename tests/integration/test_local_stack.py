"""The embedded servers together: up and down in time, on loopback, for whoever starts them, and nothing left behind."""

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
from pathlib import Path

import psycopg
import pytest
import redis

from local.service import ServiceFailed
from local.stack import Stack
from tests.makers import s3

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


def test_secrets_can_be_read_by_their_owner_only(tmp_path):
    Stack(tmp_path / "data").postgres.password  # noqa: B018 - asking for it makes it
    secrets = [path for path in tmp_path.rglob("*") if path.name in {"password", "secret-key", "access-key"}]
    assert len(secrets) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


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
