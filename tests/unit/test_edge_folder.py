"""What a bin takes from its folder, what it leaves, and what it puts aside."""

import os
import struct
import time
import zlib

import pytest

from adapters.pictures import photos
from adapters.pictures.headers import read_header
from adapters.pictures.photos import shrink
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


@pytest.fixture
def careful(home):
    """A bin that does to its pictures all that it does to them in the field."""
    from producer.edge.__main__ import fingerprinting, preparation

    one = Parts(home)
    one.folder.taker = one.taker = Taker(one.outbox, preparation(1024), fingerprinting())
    yield one
    one.close()


def why(one, name):
    return (one.folder_path / "refused" / f"{name}.why").read_text()


def test_a_jpeg_with_more_pixels_than_the_fleet_takes_is_made_smaller(careful):
    (careful.folder_path / "huge.jpg").write_bytes(picture(1, size=(7000, 4000)))
    assert careful.look() == 1
    (image,) = careful.shelf.sql.execute("SELECT image FROM images").fetchone()
    assert (read_header(image).width, read_header(image).height) == (1024, 585)


def test_a_jpeg_at_its_own_size_is_made_just_small_enough_for_the_fleet():
    small = read_header(shrink(picture(1, size=(7000, 4000)), 65_535))
    assert (small.width, small.height) == (3500, 2000)


def test_a_png_with_more_pixels_than_the_fleet_takes_is_put_aside_and_holds_up_no_other(careful, monkeypatch):
    monkeypatch.setattr(photos, "open_pixels", lambda _: pytest.fail("nothing this large is decoded"))
    header = struct.pack(">II5B", 12_000, 12_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    (careful.folder_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    assert careful.look() == 0
    assert "12000 x 12000 pixels" in why(careful, "a.png")


def test_a_file_that_meets_an_unforeseen_error_is_left_alone_and_the_others_go_on(careful, monkeypatch):
    for number in range(3):
        (careful.folder_path / f"{number}.jpg").write_bytes(picture(number))
    prepare, asked = careful.taker.prepare, []

    def short_of_memory(data):
        if data == picture(0):
            asked.append(1)
            raise MemoryError
        return prepare(data)

    careful.taker.prepare = short_of_memory
    assert careful.look() == 2
    careful.look()
    assert [path.name for path in careful.folder_path.iterdir()] == ["0.jpg"]
    assert len(asked) == 1
    careful.taker.prepare = prepare
    careful.clock.true_s += 61
    assert careful.look() == 1


@pytest.mark.parametrize("size", [(64, 48), (2000, 1500)])
def test_a_jpeg_whose_end_is_missing_is_put_aside_with_the_reason(careful, size):
    whole = picture(1, size=size, quality=95)
    (careful.folder_path / "cut.jpg").write_bytes(whole[: len(whole) * 3 // 4])
    assert careful.look() == 0
    assert "truncated" in why(careful, "cut.jpg")
    assert careful.counts() == {"unusable": 1}


def test_a_file_where_the_folder_of_refused_pictures_belongs_is_named_and_the_picture_counted_once(careful, capsys):
    (careful.folder_path / "refused").write_bytes(b"somebody's")
    (careful.folder_path / "text.jpg").write_bytes(b"no picture")
    for _ in range(3):
        careful.look()
        careful.clock.true_s += 100
    assert "refused is no folder; move it away" in capsys.readouterr().out
    assert careful.counts() == {"unusable": 1}
    assert (careful.folder_path / "refused").read_bytes() == b"somebody's"
