"""The outbox's file: who may read it, and what happens when it is deleted, damaged, or lies at a strange place."""

import os

import pytest

from producer.edge import salvage
from producer.edge.running import lock
from producer.edge.shelf import ShelfBroken
from producer.edge.status import gather, read_status
from tests.edge_house import picture
from tests.unit.edge_house import Clock, Parts
from tests.unit.test_edge_outbox import a_blob


def modes(home):
    return {path.name: path.stat().st_mode & 0o777 for path in home.iterdir() if path.name.startswith("edge.")}


@pytest.fixture
def open_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_nobody_but_its_owner_reads_the_outbox(tmp_path, open_umask):
    with lock(tmp_path / "state" / "edge.lock"):
        one = Parts(tmp_path / "state")
        one.capture()
        found = modes(tmp_path / "state")
        assert {"edge.sqlite", "edge.sqlite-wal", "edge.sqlite-shm"} <= set(found)
        assert set(found.values()) == {0o600}
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
        one.close()


def test_an_older_outbox_that_others_could_read_is_closed_to_them(tmp_path, open_umask):
    Parts(tmp_path).close()
    (tmp_path / "edge.sqlite").chmod(0o644)
    Parts(tmp_path).close()
    assert set(modes(tmp_path).values()) == {0o600}


@pytest.mark.parametrize("replaced", [False, True])
def test_pictures_stay_in_their_folder_when_the_outbox_is_deleted_while_the_program_runs(tmp_path, replaced):
    one = Parts(tmp_path)
    one.capture()
    (tmp_path / "edge.sqlite").unlink()
    if replaced:
        (tmp_path / "edge.sqlite").touch()
    (one.folder_path / "a.jpg").write_bytes(picture(1))
    with pytest.raises(ShelfBroken, match=r"edge\.sqlite was (deleted|replaced)") as raised:
        one.look()
    assert raised.value.damaged, "the program ends"
    assert (one.folder_path / "a.jpg").read_bytes() == picture(1)
    with pytest.raises(ShelfBroken):
        one.sender.step()


@pytest.mark.parametrize("name", ["a?b", "a#b", "100%", "a b", "ü"])
def test_the_status_is_read_whatever_the_folders_name_is(tmp_path, name):
    (tmp_path / name).mkdir()
    one = Parts(tmp_path / name)
    one.capture()
    assert read_status(tmp_path / name / "edge.sqlite", Clock().now(), running=True)["waiting"] == 1
    one.close()


@pytest.mark.parametrize("first_page", [0.1, 0.5, 0.8])
def test_what_is_lost_of_a_damaged_outbox_is_counted_and_its_numbers_are_noted(tmp_path, first_page):
    one = Parts(tmp_path)
    for number in range(40):
        one.capture(image=a_blob(number))
    for kept in one.outbox.waiting(one.clock.now(), 1e9, 5, live=True):
        one.outbox.done([kept])
    one.close()
    path = tmp_path / "edge.sqlite"
    data = bytearray(path.read_bytes())
    pages = len(data) // 4096
    begin = max(2, int(pages * first_page)) * 4096
    data[begin : begin + 20 * 4096] = os.urandom(20 * 4096)
    path.write_bytes(data)
    (tmp_path / "edge.sqlite.suspect").touch()
    after = Parts(tmp_path)
    with after.shelf.look() as sql:
        status = gather(sql, after.clock.now())
        lost = sum(last - first + 1 for first, last in sql.execute("SELECT first, last FROM gaps WHERE reason = 'damaged'"))
    assert after.shelf.salvaged < 35
    assert status["captured"] == 40 == status["sent"] + status["waiting"] + status["dropped"]["damaged"]
    assert lost == status["dropped"]["damaged"]
    assert "damaged" in status["gaps"]
    assert after.capture().sequence == 40
    after.close()


@pytest.mark.parametrize("at", ["salvage", "rename"])
def test_who_is_killed_while_a_damaged_outbox_is_mended_mends_it_at_the_next_start(tmp_path, monkeypatch, at):
    one = Parts(tmp_path)
    for number in range(40):
        one.capture(image=a_blob(number))
    one.close()
    path = tmp_path / "edge.sqlite"
    data = bytearray(path.read_bytes())
    middle = len(data) // 8192 * 4096
    data[middle : middle + 4 * 4096] = os.urandom(4 * 4096)
    path.write_bytes(data)
    (tmp_path / "edge.sqlite.suspect").touch()

    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch:
        if at == "salvage":
            patch.setattr(salvage, "_note_lost", killed)
        else:
            rename = type(path).rename
            patch.setattr(type(path), "rename", lambda self, to: rename(self, to) if self.suffix != ".sqlite" else killed())
        with pytest.raises(Killed):
            Parts(tmp_path)
    after = Parts(tmp_path)
    assert after.count("waiting") >= 25
    assert after.count("waiting") + after.counts()["dropped_damaged"] == 40
    assert after.capture().sequence == 40
    assert not list(tmp_path.glob("edge.sqlite.mend*"))
    after.close()


def test_of_outboxes_that_were_laid_aside_the_newest_alone_stays(tmp_path):
    (tmp_path / "edge.sqlite.broken-1000").write_bytes(b"x")
    (tmp_path / "edge.sqlite").write_bytes(b"this is no database" * 1000)
    one = Parts(tmp_path)
    assert list(tmp_path.glob("*.broken-*")) == [one.shelf.laid_aside]
    one.close()
