"""A bin on a disk that is really full: a small file system of its own, filled by somebody else."""

import io
import os
import subprocess
import time

import pytest
from PIL import Image

from tests.conftest import wait_for
from tests.edge_house import Bin, fetched
from tests.gateway_house import GatewayHouse
from tests.integration.test_edge import events_on

MB = 2**20


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def gateway(stack, database_url, redis_url, tmp_path):
    house = GatewayHouse(stack, database_url, redis_url, tmp_path)
    yield house
    house.close()


def fill(place):
    """Take all room that is left on a disk, as somebody else's log does."""
    with (place / "log-of-somebody-else").open("wb", buffering=0) as file:
        for block in (65536, 4096, 512):
            try:
                while True:
                    file.write(b"x" * block)
            except OSError:
                continue


def photograph():
    """Return a picture of about 100 KB that nothing makes smaller."""
    image = Image.frombytes("RGB", (300, 200), os.urandom(300 * 200 * 3))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95)
    return file.getvalue()


@pytest.fixture
def one(small_disk, tmp_path):
    """A bin whose outbox is on the small disk, its folder is not."""
    one = Bin(tmp_path / "bin", "http://127.0.0.1:1", WASTE_STATE_DIR=small_disk, EDGE_RESERVE_MB=0, EDGE_OUTBOX_MB=100)
    yield one
    one.stop()


@pytest.mark.timeout(180)
def test_a_full_disk_costs_the_least_worthy_events_and_nothing_else_though_the_program_is_killed(gateway, small_disk, one, stack):
    one.start()
    thrown = 0

    def throw(number):
        nonlocal thrown
        for _ in range(number):
            thrown += 1
            (one.folder / f"p{thrown:04}.jpg").write_bytes(photograph())

    throw(20)
    wait_for(lambda: one.status()["captured"] == 20, 30, one.log.read_text)
    fill(small_disk)
    throw(80)
    for _ in range(4):
        time.sleep(2)
        one.kill()
        one.start()
    time.sleep(4)
    assert one.process.poll() is None, one.log.read_text()
    assert one.stop() == 0
    status = one.status()
    assert status["captured"] == status["waiting"] + sum(status["dropped"].values())
    assert status["captured"] + len(one.waiting()) == thrown
    assert status["dropped"], "the disk was never full"
    one.environment["GATEWAY_URL"] = gateway.url
    (small_disk / "log-of-somebody-else").unlink()
    one.start()
    wait_for(lambda: one.status()["waiting"] == 0 and not one.waiting(), 60, one.log.read_text)
    assert one.stop() == 0
    status = one.status()
    events = events_on(gateway.edge)
    assert status["captured"] == thrown
    assert len(events) == status["sent"] == thrown - sum(status["dropped"].values())
    assert len({event["sequence"] for event in events}) == len(events)
    assert all(fetched(stack, event["image_url"]) for event in events)


@pytest.mark.timeout(120)
def test_a_disk_that_fills_while_the_bin_is_off_does_not_keep_it_from_sending(gateway, small_disk, one):
    one.start()
    for number in range(20):
        (one.folder / f"p{number:04}.jpg").write_bytes(photograph())
    wait_for(lambda: one.status()["captured"] == 20, 30, one.log.read_text)
    assert one.stop() == 0
    fill(small_disk)
    assert os.statvfs(small_disk).f_bavail == 0
    one.environment["GATEWAY_URL"] = gateway.url
    one.start()
    wait_for(lambda: gateway.edge.depth().total == 20, 60, one.log.read_text)
    wait_for(lambda: one.status()["waiting"] == 0, 20, one.log.read_text)
    (small_disk / "log-of-somebody-else").unlink()
    (one.folder / "new.jpg").write_bytes(photograph())
    wait_for(lambda: one.status()["sent"] == 21, 20, one.log.read_text)
