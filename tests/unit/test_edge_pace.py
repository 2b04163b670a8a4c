"""How fast a bin sends, and when it tries again."""

import random
import sys
import threading
from itertools import pairwise

import pytest

from adapters.pictures.bare import bare
from contracts.edge import DoorAway, DoorUnbelieving, Fate
from producer.edge import running
from producer.edge.__main__ import fingerprinting, preparation
from producer.edge.pace import Backoff, Bucket, backlog_share
from producer.edge.sender import Sender
from producer.edge.taking import PictureUnusable
from tests.edge_house import picture
from tests.unit.edge_house import Parts


def test_pauses_double_up_to_two_minutes_and_are_drawn_by_chance():
    pauses = [[Backoff(random.Random(seed), failures).failed(None) for seed in range(500)] for failures in range(12)]
    assert [round(max(some)) for some in pauses[:6]] == [2, 4, 8, 16, 32, 64]
    assert max(pauses[-1]) <= 120
    assert len({round(pause) for pause in pauses[-1]}) > 90, "a thousand bins must not come back in the same second"
    assert min(min(some) for some in pauses) >= 1


def test_what_the_gateway_asks_for_is_never_undercut_and_not_the_same_for_all():
    waits = [Backoff(random.Random(seed)).failed(30.0) for seed in range(200)]
    assert min(waits) >= 30
    assert max(waits) <= 45
    assert len({round(wait) for wait in waits}) > 10


def test_the_backlog_slows_down_before_live_events_do():
    assert [backlog_share(share) for share in (1.0, 0.75, 0.5, 0.2, 0.0)] == [1.0, 0.25, 0.0, 0.0, 0.0]
    bucket = Bucket(rate=2.0, burst=10, tokens=0.0, at_s=0.0)
    assert bucket.refill(3.0, 0.5) == 3
    bucket.take(3)
    assert bucket.refill(100.0, 1.0) == 10
    assert Bucket(1.0, 10, tokens=0.0).wait_s(0.0) == 60.0


def test_while_the_gateway_asks_for_half_the_backlog_waits_and_live_events_go(tmp_path):
    one = Parts(tmp_path, live_s=600.0)
    for number in range(5):
        one.capture(number)
    one.clock.true_s += 7200
    for number in range(5, 8):
        one.capture(number)
    one.gateway.ask_for(0.5)
    for _ in range(50):
        one.clock.true_s += max(0.1, min(1.0, one.sender.step()))
    assert sorted(event.sequence for event in one.gateway.order) == [5, 6, 7]
    one.gateway.ask_for(1.0)
    one.send_all()
    assert len(one.gateway.events) == 8


def test_a_gateway_that_is_full_is_left_alone_for_as_long_as_it_says(tmp_path):
    one = Parts(tmp_path)
    one.capture()
    one.sender.step()
    one.capture(1)
    asked = []

    def full(bodies):
        asked.append(one.clock.true_s)
        raise DoorAway("overloaded", 60.0, answered=True)

    one.gateway.send = full
    for _ in range(4):
        one.clock.true_s += one.sender.step()
    gaps = [after - before for before, after in pairwise(asked)]
    assert all(60 <= gap <= 200 for gap in gaps), gaps


def test_one_event_that_comes_too_fast_makes_the_bin_wait_and_costs_nothing(tmp_path):
    one = Parts(tmp_path)
    one.capture()
    one.gateway.refuse = lambda body: Fate(429, "too-fast", "", 5.0)
    assert 5.0 <= one.sender.step() <= 7.5
    assert one.count("waiting") == 1
    one.gateway.refuse = None
    one.send_all()
    assert len(one.gateway.events) == 1


def test_events_go_while_the_database_behind_contacts_is_away(tmp_path):
    one = Parts(tmp_path)
    one.capture()

    def away(next_sequence, report):
        raise DoorAway("away", 2.0, answered=True)

    one.gateway.contact = away
    one.send_all()
    assert len(one.gateway.events) == 1


def test_one_picture_that_the_store_refuses_holds_up_no_other(tmp_path):
    one = Parts(tmp_path)
    for number in range(5):
        one.capture(number)
    put = one.gateway.put

    def picky(place, image):
        if image == picture(3):
            raise DoorAway("the object store answered 403", answered=True)
        put(place, image)

    one.gateway.put = picky
    for _ in range(5):
        one.clock.true_s += one.sender.step()
    assert sorted(event.sequence for event in one.gateway.order) == [0, 1, 2, 4]


def test_a_bin_without_pillow_frees_pictures_of_metadata_all_the_same(monkeypatch):
    monkeypatch.setitem(sys.modules, "adapters.pictures.photos", None)
    large = picture(1, size=(3000, 2000), comment=b"secret place")
    assert preparation(1024)(large) == bare(large)
    assert b"secret" not in preparation(1024)(large)
    assert fingerprinting()(large) is None
    with pytest.raises(PictureUnusable):
        preparation(1024)(b"nothing")


@pytest.mark.parametrize("renews", [True, False])
def test_where_only_a_new_start_brings_a_new_credential_the_program_ends_for_it(tmp_path, monkeypatch, renews):
    monkeypatch.setattr(running, "_RENEW_S", 0.1)
    one = Parts(tmp_path)
    one.sender.door = unbelieving
    program = running.Running(one.sender, renews=renews)
    monkeypatch.setattr(Backoff, "unbelieved", lambda _: 0.01)
    threading.Thread(target=program._send, daemon=True).start()
    assert program._ending.wait(1.0) is renews
    program.end()


def test_a_pause_that_no_clock_can_hold_does_not_end_the_sending(tmp_path, monkeypatch):
    one = Parts(tmp_path)
    program = running.Running(one.sender)
    monkeypatch.setattr(Sender, "step", lambda _: 1e300)
    thread = program._thread("send", program._send)
    thread.start()
    thread.join(0.2)
    assert thread.is_alive()
    program.end()
    thread.join(5)
    assert not thread.is_alive()
    assert program._failed is None


def test_a_thread_that_ends_by_itself_ends_the_program(tmp_path):
    program = running.Running(Parts(tmp_path).sender)

    def fails():
        raise OverflowError

    program._thread("send", fails).start()
    assert program._ending.wait(5)
    assert program._failed.reason == "thread_ended"


def test_a_sender_that_hangs_on_what_nothing_bounds_ends_the_program(tmp_path, monkeypatch):
    one = Parts(tmp_path)
    program = running.Running(one.sender)
    hanging = threading.Event()
    monkeypatch.setattr(Sender, "step", lambda _: hanging.wait(20) and 0.0)
    thread = program._thread("send", program._send)
    thread.start()
    one.clock.true_s += 5000
    program._look_after_the_sender()
    assert not program._ending.is_set(), "a pause may last an hour"
    one.clock.true_s += 1000
    program._look_after_the_sender()
    assert program._ending.is_set()
    assert program._failed.reason == "thread_ended"
    hanging.set()
    thread.join(5)


def test_a_camera_that_hangs_and_is_asked_again_and_again_keeps_neither_the_folder_nor_systemd_waiting(tmp_path, monkeypatch):
    one = Parts(tmp_path)
    done = []
    program = running.Running(one.sender, one.folder, camera=object())

    def shoot(_):
        done.append("shot")
        program.trigger()
        program.trigger()
        if len(done) > 30:
            program.end()
        return 0.0

    monkeypatch.setattr(running.Running, "_shoot", shoot)
    monkeypatch.setattr(running.Running, "_take_once", lambda _: done.append("folder") or 0.0)
    monkeypatch.setattr(running, "tell_systemd", done.append)
    program.trigger()
    program._take()
    shots = [number for number, what in enumerate(done) if what == "shot"]
    assert all({"folder", "WATCHDOG=1"} <= set(done[one:other]) for one, other in pairwise(shots))
    assert program._shots <= 5


def unbelieving():
    raise DoorUnbelieving("generation 1 of sensor bin-7")
