"""What is dropped when there is no room, what is put aside, and what is told of both."""

import os
import sqlite3

import pytest

from contracts.edge import DoorUnbelieving, Fate
from producer.edge.outbox import Bounds
from producer.edge.shelf import Shelf, ShelfBroken
from producer.edge.status import gather, report_of
from tests.edge_house import picture
from tests.unit.edge_house import Clock, Parts

SIZE = 20_000


def test_of_each_event_that_is_taken_it_is_told_once_when_its_picture_and_it_went(home):
    parts, told = Parts(home), []
    parts.sender.told = told.append
    kept = [parts.capture(number) for number in range(3)]
    parts.send_all()
    assert [fact.event_id for fact in sorted(told, key=lambda fact: fact.event_id)] == sorted(one.event_id for one in kept)
    assert all(fact.uploaded[0] <= fact.uploaded[1] <= fact.published[0] <= fact.published[1] for fact in told)
    parts.close()


@pytest.fixture
def home(tmp_path):
    return tmp_path


def a_blob(number):
    return b"\xff\xd8\xff" + number.to_bytes(4, "big") + os.urandom(SIZE - 1024 - 7)


def sequences(parts):
    with parts.shelf.look() as sql:
        return [row[0] for row in sql.execute("SELECT sequence FROM captures WHERE state = 'waiting' ORDER BY 1")]


def status(parts):
    with parts.shelf.look() as sql:
        return gather(sql, parts.clock.now())


def test_for_want_of_room_near_duplicates_go_first_and_then_the_oldest(home):
    one = Parts(home, bounds=Bounds(most_bytes=10 * SIZE, reserve_bytes=0))
    for number in range(10):
        one.capture(image=a_blob(number), near=number in {4, 7})
    one.capture(image=a_blob(10))
    one.capture(image=a_blob(11))
    assert sequences(one) == [0, 1, 2, 3, 5, 6, 8, 9, 10, 11]
    one.capture(image=a_blob(12))
    assert sequences(one) == [1, 2, 3, 5, 6, 8, 9, 10, 11, 12]
    assert status(one)["dropped"] == {"backlog": 1, "near_duplicate": 2}
    assert status(one)["gaps"] == "0 backlog, 4 near_duplicate, 7 near_duplicate"


def test_what_was_dropped_reaches_the_service_with_the_contact_and_explains_the_gaps(home):
    one = Parts(home, bounds=Bounds(most_bytes=3 * SIZE, reserve_bytes=0))
    for number in range(8):
        one.capture(image=a_blob(number))
    one.sender.report = lambda: report_of(status(one), "0.1.0")
    one.sender.step()
    (next_sequence, report), *_ = one.gateway.reports
    assert next_sequence == 8
    assert (report["dropped"], report["dropped_backlog"], report["gaps"]) == (5, 5, "0-4 backlog")
    one.send_all()
    assert [event.sequence for event in sorted(one.gateway.order, key=lambda event: event.sequence)] == [5, 6, 7]
    assert len(report) <= 32
    assert all(len(str(value)) <= 200 for value in report.values())


def test_many_gaps_are_told_in_as_many_letters_as_a_report_may_have(home):
    one = Parts(home, bounds=Bounds(most_bytes=10**9, reserve_bytes=0))
    with one.shelf.change() as sql:
        sql.executemany("INSERT INTO gaps VALUES (?, ?, 'backlog')", [(number * 10, number * 10 + 3) for number in range(50)])
    text = status(one)["gaps"]
    assert len(text) <= 200
    assert text.startswith("..., ")
    assert text.endswith("490-493 backlog")


def test_pictures_that_look_like_one_moments_before_are_known(home):
    adapters = pytest.importorskip("adapters.pictures.photos")
    one = Parts(home, fingerprint=adapters.fingerprint)
    again = picture(1, quality=40)
    assert again != picture(1)
    kept = [one.taker.take(data, one.clock.now(), "", None) for data in (picture(1), picture(2), again)]
    assert [one.near for one in kept] == [False, False, True]
    one.clock.true_s += 3600
    assert one.taker.take(picture(2), one.clock.now(), "", None).near is False


def test_without_pillow_equal_bytes_alone_look_alike(home):
    one = Parts(home)
    kept = [one.taker.take(data, one.clock.now(), "", None) for data in (picture(1), picture(1), picture(1, quality=40))]
    assert [one.near for one in kept] == [False, True, False]


def test_on_a_full_disk_what_is_worth_least_makes_room_and_what_is_kept_is_sent(home):
    one = Parts(home, bounds=Bounds(most_bytes=10**9, reserve_bytes=0), most_pages=100)
    for number in range(40):
        one.capture(image=a_blob(number))
    left = sequences(one)
    assert left[-1] == 39
    assert 5 < len(left) < 20
    assert status(one)["dropped"] == {"backlog": 40 - len(left)}
    one.send_all()
    assert len(one.gateway.events) + one.counts()["dropped_backlog"] == 40
    assert len(one.gateway.events) >= len(left) - 1, "one may go so that the others can be sent"


@pytest.mark.parametrize("kind", ["not-signed", "event-conflict", "invalid", "url-blocked"])
def test_what_the_gateway_refuses_for_good_is_put_aside_with_its_reason_and_the_rest_goes_on(home, kind):
    one = Parts(home)
    one.gateway.refuse = lambda body: Fate(422, kind, "because") if b'"sequence":1,' in body else None
    for number in range(4):
        one.capture(number)
    one.send_all()
    assert sorted(event.sequence for event in one.gateway.order) == [0, 2, 3]
    assert status(one)["refused"] == {kind.replace("-", "_"): 1}
    assert status(one)["aside"] == [{"sequence": 1, "name": "", "why": f"{kind}: because"}]


def test_what_is_put_aside_is_bounded_and_counted_all_the_same(home):
    one = Parts(home, bounds=Bounds(most_aside=3, reserve_bytes=0))
    one.gateway.refuse = lambda body: Fate(422, "invalid", "no")
    for number in range(10):
        one.capture(number)
    one.send_all()
    assert (one.count("aside"), one.counts()["refused_invalid"], one.counts()["aside_let_go"]) == (3, 10, 7)


def test_a_credential_that_is_not_believed_stops_sending_until_another_one_is_there(home):
    one = Parts(home)
    one.capture()
    asked, opened = [], []

    def unbelieving(*_):
        asked.append(one.clock.true_s)
        raise DoorUnbelieving("generation 1 of sensor bin-7")

    def door():
        opened.append(1)
        return one.gateway

    one.sender.door = door
    one.gateway.contact, contact = unbelieving, one.gateway.contact
    for _ in range(8):
        one.clock.true_s += one.sender.step()
    assert len(opened) == 8, "the credential is read again each time"
    assert asked[1] - asked[0] >= 30
    assert asked[-1] - asked[-2] >= 800
    assert "credential" in status(one)["trouble"]
    assert status(one)["waiting"] == 1
    one.gateway.contact = contact
    one.send_all()
    assert len(one.gateway.events) == 1
    assert status(one)["trouble"] is None


def test_live_events_go_before_the_backlog_and_the_newest_of_them_first(home):
    one = Parts(home, live_s=600.0, backlog_rate=1.0)
    for number in range(30):
        one.capture(number)
        one.clock.true_s += 60
    one.send_all()
    order = [event.sequence for event in one.gateway.order]
    assert order[:9] == list(range(29, 20, -1))
    assert order[9:] == list(range(21))


def test_when_others_fill_the_disk_no_more_is_dropped_than_a_new_picture_takes(home):
    one = Parts(home, bounds=Bounds(most_bytes=10**9, reserve_bytes=10**8))
    for number in range(30):
        one.capture(image=a_blob(number))
    one.free = 10**6
    for number in range(30, 34):
        one.capture(image=a_blob(number))
    assert sequences(one)[-4:] == [30, 31, 32, 33]
    assert 4 <= one.counts()["dropped_backlog"] <= 8


def test_a_broken_outbox_is_laid_aside_and_a_new_one_begun(home):
    (home / "edge.sqlite").write_bytes(b"this is no database" * 1000)
    shelf = Shelf(home / "edge.sqlite")
    assert shelf.laid_aside.read_bytes().startswith(b"this is no database")
    assert shelf.sql.execute("SELECT count(*) FROM captures").fetchone() == (0,)


def test_a_commit_is_on_the_disk_before_it_is_answered(home):
    one = Parts(home)
    assert one.shelf.sql.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert one.shelf.sql.execute("PRAGMA synchronous").fetchone() == (2,)


def test_the_status_can_be_read_while_somebody_writes(home):
    from producer.edge.status import read_status

    one = Parts(home)
    one.capture()
    with one.shelf.change() as sql:
        sql.execute("INSERT INTO counts VALUES ('x', 1)")
        assert read_status(home / "edge.sqlite", Clock().now(), running=True)["waiting"] == 1
    with pytest.raises(sqlite3.Error):
        read_status(home / "none.sqlite", Clock().now(), running=False)


def test_what_can_be_read_of_a_damaged_outbox_goes_on_under_the_same_numbers(home):
    one = Parts(home)
    for number in range(30):
        one.capture(image=a_blob(number))
    one.close()
    path = home / "edge.sqlite"
    data = bytearray(path.read_bytes())
    middle = len(data) // 4096 // 2 * 4096
    data[middle : middle + 8 * 4096] = os.urandom(8 * 4096)
    path.write_bytes(data)
    broken = Parts(home)
    with pytest.raises(ShelfBroken) as raised, broken.shelf.look() as sql:
        sql.execute("SELECT image FROM images").fetchall()
    assert raised.value.damaged
    broken.close()
    after = Parts(home)
    assert after.shelf.laid_aside.exists()
    assert after.shelf.salvaged == after.count("waiting")
    assert after.shelf.salvaged >= 10
    assert after.capture().sequence == 30
    after.send_all()
    assert len(after.gateway.events) == after.shelf.salvaged + 1
