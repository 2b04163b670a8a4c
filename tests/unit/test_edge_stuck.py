"""Nothing that lies in an outbox, and nothing that is answered to one event, stops the sending of the others."""

import json

import pytest

from contracts.edge import DoorAway, DoorRefused, Fate
from producer.edge.deferred import Deferred
from producer.edge.outbox import Bounds
from tests.edge_house import picture
from tests.unit.edge_house import Parts


@pytest.fixture
def one(tmp_path):
    one = Parts(tmp_path)
    yield one
    one.close()


def steps(one, number):
    """Take steps with their pauses; whatever a step raises fails the test."""
    waits = []
    for _ in range(number):
        waits.append(one.sender.step())
        one.clock.true_s += max(waits[-1], 0.01)
    return waits


def capture(one, number):
    for each in range(number):
        one.capture(each)


def change(one, text):
    with one.shelf.change() as sql:
        sql.execute(text)


def sent(one):
    return sorted(event.sequence for event in one.gateway.order)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE captures SET event_id = x'00' WHERE sequence = 2",
        "UPDATE captures SET event_id = x'00000000000000000000000000000001' WHERE sequence = 2",
        "UPDATE captures SET since_boot_s = 'abc' WHERE sequence = 2",
        "UPDATE captures SET boot = x'ff41' WHERE sequence = 2",
        "UPDATE captures SET size = 'abc' WHERE sequence = 2",
        "UPDATE captures SET content_type = 'image/jp' WHERE sequence = 2",
        "UPDATE images SET image = 12 WHERE sequence = 2",
        "DELETE FROM images WHERE sequence = 2",
    ],
)
def test_an_event_that_a_worn_card_has_damaged_is_dropped_and_counted_and_the_others_go(one, damage):
    capture(one, 5)
    change(one, damage)
    assert sum(wait_s == 0 for wait_s in steps(one, 10)) < 5, "it turns in circles"
    assert sent(one) == [0, 1, 3, 4]
    assert (one.counts()["dropped_damaged"], one.count("waiting")) == (1, 0)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE captures SET boot = CAST(x'ff41' AS TEXT) WHERE sequence = 2",
        "INSERT INTO boots (boot, last_s) VALUES (CAST(x'ff41' AS TEXT), 1)",
    ],
)
def test_a_text_that_is_none_any_more_keeps_nothing_from_being_sent(one, damage):
    capture(one, 5)
    change(one, damage)
    steps(one, 10)
    assert {0, 1, 3, 4} <= set(sent(one))
    assert one.count("waiting") == 0


def test_the_oldest_event_does_not_end_the_dropping_by_age_when_it_is_damaged(one):
    capture(one, 3)
    one.gateway.heard(one.clock.true_s, 0.1)
    change(one, "UPDATE captures SET event_id = x'00' WHERE sequence = 0")
    assert one.outbox.drop_older(one.clock.true_s + 60) == 2
    assert one.counts()["dropped_damaged"] == 1


@pytest.mark.parametrize("body", [b"{\xff", b"{}", b'{"event_id": 1, "sensor_id": "bin-7", "captured_at": ""}'])
def test_an_event_whose_kept_bytes_are_damaged_is_made_again(one, body):
    capture(one, 3)
    answers = one.gateway.send
    one.gateway.send = lambda bodies: (_ for _ in ()).throw(DoorAway("away"))
    steps(one, 1)
    with one.shelf.change() as sql:
        sql.execute("UPDATE captures SET body = ? WHERE sequence = 1", (body,))
    one.gateway.send = answers
    steps(one, 10)
    assert sent(one) == [0, 1, 2]


@pytest.mark.parametrize("later_s", [0, 7200])
def test_pictures_that_the_store_refuses_hold_up_neither_the_backlog_nor_what_is_new(one, later_s):
    capture(one, 30)
    one.clock.true_s += later_s
    refused = {picture(number) for number in (range(12) if later_s else range(9, 30))}
    tries, put = [], one.gateway.put

    def picky(place, image):
        if image in refused:
            tries.append(image)
            raise DoorAway("the object store answered 413", answered=True, status=413)
        put(place, image)

    one.gateway.put = picky
    began_s = one.clock.true_s
    steps(one, 40)
    assert len(one.gateway.events) == 30 - len(refused)
    assert one.count("waiting") == len(refused), "none is lost by that"
    assert one.clock.true_s - began_s < 120
    one.clock.true_s += 86_400
    tries.clear()
    steps(one, 200)
    assert len(tries) < 6 * len(refused), "a picture that is refused costs the line little"


def test_what_is_deferred_comes_back_later_and_later_and_within_an_hour():
    deferred, now_s = Deferred(), 0.0
    assert [deferred.defer(1, now_s) for _ in range(9)] == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert (deferred.until(3599.0), deferred.until(3600.0)) == ([1], [])
    for number in range(5000):
        deferred.defer(number, now_s)
    assert len(deferred.until(1.0)) <= 2000


@pytest.mark.parametrize("door", ["place", "send"])
def test_a_wrong_address_puts_no_event_aside(one, door):
    capture(one, 30)

    def nothing_here(*_):
        raise DoorRefused(Fate(404, "not-known", "There is no such thing here"))

    setattr(one.gateway, door, nothing_here)
    steps(one, 40)
    assert (one.count("waiting"), one.count("aside")) == (30, 0)
    assert "GATEWAY_URL" in str(one.outbox.fact("trouble"))


def test_a_batch_that_is_refused_as_a_whole_is_asked_for_one_by_one(one):
    capture(one, 5)
    send = one.gateway.send

    def narrow(bodies):
        if len(bodies) > 1 or json.loads(bodies[0])["sequence"] == 3:
            raise DoorRefused(Fate(413, "too-large", "The body is too large"))
        return send(bodies)

    one.gateway.send = narrow
    steps(one, 10)
    assert sent(one) == [0, 1, 2, 4]
    assert one.count("aside") == 1


def test_an_event_at_which_the_gateway_stumbles_holds_up_others_for_seconds(one):
    capture(one, 30)
    send = one.gateway.send

    def stumbling(bodies):
        if any(json.loads(body)["sequence"] == 25 for body in bodies):
            raise DoorAway("unforeseen: Something went wrong", answered=True, status=500)
        return send(bodies)

    one.gateway.send = stumbling
    steps(one, 120)
    assert len(one.gateway.events) == 10
    one.capture(30)
    steps(one, 5)
    assert 30 in sent(one)


def test_a_credential_that_is_refused_within_an_answer_puts_no_event_aside(one):
    capture(one, 5)
    one.gateway.refuse = lambda body: Fate(401, "not-signed", "generation 1 of sensor bin-7")
    assert all(wait_s >= 30 for wait_s in steps(one, 3))
    assert one.sender.unbelieved
    assert (one.count("waiting"), one.count("aside")) == (5, 0)
    one.gateway.refuse = None
    one.send_all()
    assert len(one.gateway.events) == 5


def test_what_was_put_aside_makes_room_for_new_pictures(tmp_path):
    one = Parts(tmp_path, bounds=Bounds(most_bytes=100_000, reserve_bytes=0), rate=500.0)
    one.gateway.refuse = lambda body: Fate(422, "invalid", "x")
    for number in range(40):
        one.capture(image=picture(number) + b"x" * 5000)
        steps(one, 1)
    assert one.counts()["refused_invalid"] == 40 == one.count("aside") + one.counts()["aside_let_go"]
    assert "dropped_backlog" not in one.counts()
    one.close()


@pytest.mark.parametrize("told_s", [0.5, 946_684_800.0, 253_402_300_799.0])
def test_a_service_whose_clock_was_never_set_tells_no_time(one, told_s):
    capture(one, 3)
    one.gateway.heard = lambda _, error_s: one.outbox.measure(one.clock.now(), told_s, error_s)
    steps(one, 5)
    assert sent(one) == [0, 1, 2]
    assert one.outbox.when(one.clock.now()) == (one.clock.true_s, "own")


def test_on_a_slow_line_the_newest_item_does_not_wait_for_the_pictures_of_a_batch(one):
    capture(one, 20)
    put, uploaded = one.gateway.put, []

    def slowly(place, image):
        one.clock.true_s += 40.0
        uploaded.append(image)
        put(place, image)

    one.gateway.put = slowly
    one.sender.step()
    assert sent(one) == [19]
    assert len(uploaded) == 1
