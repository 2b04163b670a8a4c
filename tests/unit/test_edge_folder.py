"""What a bin takes from its folder, what it leaves, and what it puts aside."""

import os
import time

import pytest

from producer.edge.folder import Folder
from producer.edge.outbox import Bounds
from producer.edge.shelf import ShelfFull
from producer.edge.taking import Taker
from tests.edge_house import picture
from tests.unit.edge_house import Parts
from tests.unit.test_edge_outbox import a_blob


@pytest.fixture
def home(tmp_path):
    return tmp_path


def test_a_picture_that_fits_nowhere_stays_in_the_folder_and_is_taken_when_there_is_room(home):
    one = Parts(home, bounds=Bounds(most_bytes=10**9, reserve_bytes=10**6), free=0)
    (one.folder_path / "a.jpg").write_bytes(a_blob(1))
    one.folder.take_all()
    with pytest.raises(ShelfFull):
        one.folder.take_all()
    assert (one.folder_path / "a.jpg").exists()
    assert one.counts().get("captured", 0) == 0
    one.free = 10**9
    assert one.folder.take_all() == 1
    assert not (one.folder_path / "a.jpg").exists()


def test_pictures_of_the_folder_that_are_none_are_put_aside_with_the_reason(home):
    from producer.edge.__main__ import preparation

    one = Parts(home)
    one.folder.taker = one.taker = Taker(one.outbox, preparation(1024), lambda _: None)
    good = {"good.jpg": picture(1)}
    bad = {"text.jpg": b"no picture", "empty.jpg": b"", "cut.png": picture(1, form="PNG")[:60]}
    for name, data in (good | bad).items():
        (one.folder_path / name).write_bytes(data)
    assert one.look() == 1
    aside = one.folder_path / "refused"
    assert {path.name for path in aside.iterdir()} == set(bad) | {f"{name}.why" for name in bad}
    assert "JPEG, PNG or WebP" in (aside / "text.jpg.why").read_text()
    assert one.counts()["unusable"] == 3
    assert [path.name for path in one.folder_path.iterdir() if path.is_file()] == []


def test_a_picture_that_is_still_written_is_not_taken(home):
    one = Parts(home)
    one.folder.settle_s = 1.0
    path = one.folder_path / "slow.jpg"
    for part in range(5):
        with path.open("ab") as file:
            file.write(picture(1)[part * 100 : (part + 1) * 100])
        os.utime(path, ns=(time.time_ns() + part, time.time_ns() + part))
        assert one.folder.take_all() == 0
        one.clock.true_s += 0.9
    with path.open("ab") as file:
        file.write(picture(1)[500:])
    assert one.folder.take_all() == 0
    one.clock.true_s += 1.1
    assert one.folder.take_all() == 1
    (image,) = one.shelf.sql.execute("SELECT image FROM images").fetchone()
    assert image == picture(1)
    for name in (".hidden.jpg", "x.tmp", "x.part"):
        (one.folder_path / name).write_bytes(picture(2))
    assert one.look() == 0


def test_a_file_that_came_back_after_a_loss_of_the_supply_is_not_taken_twice(home, monkeypatch):
    one = Parts(home)
    path = one.folder_path / "a.jpg"
    path.write_bytes(picture(1))
    monkeypatch.setattr(Folder, "_forget_removed", lambda _: None)  # the supply goes before the removal is on the disk
    assert one.look() == 1
    path.write_bytes(picture(1))
    assert one.look() == 0
    assert not path.exists()
    assert one.counts()["captured"] == 1
    path.write_bytes(picture(2))
    assert one.look() == 1


def test_a_name_that_is_no_text_does_not_keep_a_picture_from_being_taken(home):
    one = Parts(home)
    (one.folder_path / os.fsdecode(b"bad\xff.jpg")).write_bytes(picture(1))
    assert one.look() == 1
    assert list(one.folder_path.iterdir()) == []


def test_a_newer_picture_under_the_same_name_is_not_removed_with_the_one_before(home, monkeypatch):
    one = Parts(home)
    path = one.folder_path / "latest.jpg"
    path.write_bytes(picture(1))
    keep = one.outbox.keep

    def meanwhile(wanted):
        kept = keep(wanted)
        newer = one.folder_path / ".newer"
        newer.write_bytes(picture(2))
        newer.rename(path)
        monkeypatch.undo()
        return kept

    monkeypatch.setattr(one.outbox, "keep", meanwhile)
    assert one.look() == 1
    assert path.read_bytes() == picture(2)
    assert one.look() == 1
    assert one.counts()["captured"] == 2
