"""A camera that is a command, and all that such a command may do."""

import os
import resource
import sys
import time
from pathlib import Path

import pytest

from producer.edge.camera import Camera
from tests.conftest import wait_for
from tests.edge_house import picture
from tests.unit.edge_house import Parts


@pytest.fixture
def one(tmp_path):
    parts = Parts(tmp_path)
    yield parts
    parts.close()


@pytest.fixture
def shot(tmp_path):
    path = tmp_path / "shot.jpg"
    path.write_bytes(picture(1))
    return path


def shoots(one, script, timeout_s=5.0):
    """Let a camera shoot; return whether a picture was kept, and how many seconds it took."""
    began = time.monotonic()
    kept = Camera(["sh", "-c", script], one.taker, one.clock.now, timeout_s).shoot()
    return kept, time.monotonic() - began


def is_alive(path):
    try:
        os.kill(int(path.read_text()), 0)
    except ProcessLookupError:
        return False
    return True


def test_a_command_that_writes_without_end_is_ended_and_takes_no_memory(one):
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept, took_s = shoots(one, "cat /dev/zero")
    assert (kept, took_s < 5) == (False, True)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 150_000
    assert one.counts() == {"camera_failed": 1}


def test_a_command_that_complains_without_end_gives_its_picture_all_the_same(one, shot):
    assert shoots(one, f"head -c 3000000 /dev/zero >&2; cat {shot}")[0]


def test_a_child_that_left_the_session_does_not_hold_up_the_next_picture(one, tmp_path):
    kept, took_s = shoots(one, f"setsid sh -c 'echo $$ > {tmp_path}/child; exec sleep 30' & sleep 30", 1.0)
    assert (kept, took_s < 4) == (False, True)
    os.kill(int((tmp_path / "child").read_text()), 9)


def test_a_picture_whose_command_ended_well_is_taken_though_a_child_holds_its_output(one, shot, tmp_path):
    kept, took_s = shoots(one, f"cat {shot}; sleep 30 & echo $! > {tmp_path}/child")
    assert (kept, took_s < 3) == (True, True)
    wait_for(lambda: not is_alive(tmp_path / "child") or "Z" in state_of(tmp_path / "child"), 5)


def state_of(path):
    """Return the state of a process, of which nobody but init waits for the end."""
    try:
        return Path(f"/proc/{int(path.read_text())}/stat").read_text().split()[2]
    except FileNotFoundError:
        return "Z"


def test_a_command_that_closes_its_output_and_stays_is_ended(one, shot):
    kept, took_s = shoots(one, f"cat {shot}; exec >&- 2>&-; sleep 30", 1.0)
    assert (kept, took_s < 4) == (False, True)


def test_a_picture_larger_than_a_pipe_is_read_whole(one, tmp_path):
    large = picture(2, size=(1600, 1200), quality=100)
    (tmp_path / "large.jpg").write_bytes(large)
    assert shoots(one, f"cat {tmp_path}/large.jpg")[0]
    assert one.shelf.sql.execute("SELECT image FROM images").fetchone() == (large,)


def test_a_command_that_wrote_nothing_is_told_so(one, capsys):
    assert not shoots(one, "true")[0]
    assert "wrote nothing" in capsys.readouterr().out
    assert one.counts() == {"camera_failed": 1}


def test_a_command_does_not_get_the_bins_credential(one, shot, tmp_path, monkeypatch):
    for name in ("DEVICE_TOKEN", "DEVICE_TOKEN_FILE", "DEVICE_CREDENTIAL", "CREDENTIALS_DIRECTORY", "KEPT"):
        monkeypatch.setenv(name, "secret")
    assert shoots(one, f"{sys.executable} -c 'import os; print(*os.environ)' > {tmp_path}/names; cat {shot}")[0]
    names = (tmp_path / "names").read_text().split()
    assert "KEPT" in names
    assert not [name for name in names if name.startswith(("DEVICE", "CREDENTIALS"))]
