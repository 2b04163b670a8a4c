"""When a picture was taken, though the bin's own clock is wrong."""

from datetime import UTC, datetime

import pytest

from tests.unit.edge_house import NOON, Clock, Parts, day

IN_1970 = -NOON + 100


@pytest.fixture
def bin_with(tmp_path):
    opened = []

    def make(clock, **more):
        home = tmp_path / f"b{len(opened)}"
        home.mkdir()
        opened.append(Parts(home, clock, **more))
        return opened[-1]

    yield make
    for parts in opened:
        parts.close()


def off(event, true_s):
    return abs(event.captured_at.timestamp() - true_s)


def by_sequence(parts):
    return [event for _, event in sorted(parts.gateway.events.values(), key=lambda pair: pair[1].sequence)]


@pytest.mark.parametrize("wrong_s", [0.0, 0.4, -3600.0, 7 * 86_400.0, IN_1970])
def test_events_get_the_services_time_whatever_the_bins_clock_says(bin_with, wrong_s):
    one, taken = bin_with(Clock(wrong_s=wrong_s)), []
    for number in range(3):
        one.clock.true_s += 40_000
        taken.append(one.clock.true_s)
        one.capture(number)
    one.clock.true_s += 100
    one.send_all()
    events = by_sequence(one)
    assert [off(event, true_s) < 0.2 for event, true_s in zip(events, taken, strict=True)] == [True] * 3
    assert [event.attributes for event in events] == [{}] * 3


def test_a_clock_that_is_set_while_events_wait_changes_none_of_them(bin_with):
    one = bin_with(Clock(wrong_s=IN_1970))
    taken = one.clock.true_s
    one.capture()
    one.clock.true_s, one.clock.wrong_s = one.clock.true_s + 5000, 0.0
    one.send_all()
    assert off(by_sequence(one)[0], taken) < 0.2


def test_a_boot_without_contact_and_with_a_clock_of_1970_lies_between_the_boots_around_it(bin_with):
    clock = Clock()
    one = bin_with(clock)
    one.capture(0)
    one.send_all()
    clock.true_s += 600
    one.gateway.away = "no line"
    clock.reboot("boot-2", wrong_s=-clock.true_s)
    clock.true_s += 300
    one.capture(1)
    taken = clock.true_s
    clock.true_s += 900
    one.capture(2)
    clock.true_s += 60
    clock.reboot("boot-3", wrong_s=-clock.true_s)
    clock.true_s += 120
    one.gateway.away = ""
    one.send_all()
    first, second = by_sequence(one)[1:]
    assert (first.attributes, second.attributes) == ({"clock": "estimated"}, {"clock": "estimated"})
    assert off(first, taken) <= 60.2  # the minute between its last sign of life and the next boot
    assert (second.captured_at - first.captured_at).total_seconds() == pytest.approx(900, abs=0.1)


def test_a_boot_without_contact_and_with_a_clock_that_runs_is_believed_as_far_as_it_was_right_before(bin_with):
    clock = Clock(wrong_s=120.0)
    one = bin_with(clock)
    one.sender.step()
    clock.true_s += 600
    clock.reboot("boot-2")
    clock.true_s += 7200
    one.capture()
    taken = clock.true_s
    clock.true_s += 7200
    clock.reboot("boot-3")
    clock.true_s += 60
    one.send_all()
    (event,) = by_sequence(one)
    assert event.attributes == {"clock": "own"}
    assert off(event, taken) < 1


def test_a_first_boot_that_never_had_contact_ends_where_the_next_one_begins(bin_with):
    clock = Clock(wrong_s=IN_1970)
    one = bin_with(clock)
    one.capture()
    taken = clock.true_s
    clock.true_s += 10
    clock.reboot("boot-2")
    clock.true_s += 20
    one.send_all()
    assert off(by_sequence(one)[0], taken) < 11


def test_the_same_bytes_are_sent_again_though_more_is_known_of_the_time_by_then(bin_with):
    one = bin_with(Clock(wrong_s=300.0))
    one.capture()
    sent = []

    def lost(body):
        sent.append(body)
        one.gateway.away = "the answer was lost"

    one.gateway.refuse = lost
    one.sender.step()
    assert len(one.gateway.events) == 1
    # As if the answer had not come: the event is still in the outbox.
    with one.shelf.look() as sql:
        assert sql.execute("SELECT count(*) FROM captures").fetchone()[0] in {0, 1}
    one.gateway.away = ""
    one.clock.true_s += 4000
    one.send_all()
    assert len(set(sent)) == 1


def test_an_event_whose_time_the_gateway_refuses_is_made_again_and_in_the_end_put_aside(bin_with):
    one = bin_with(Clock())
    one.capture()
    one.clock.true_s += 1
    one.sender.step()
    assert len(one.gateway.events) == 1
    from contracts.edge import Fate

    bodies = []
    one.gateway.refuse = lambda body: bodies.append(body) or Fate(409, "clock", "is ahead")
    one.capture(1)
    for _ in range(10):
        one.clock.true_s += 10
        one.sender.step()
    assert len(bodies) == 3
    assert one.count("aside") == 1
    assert one.counts()["refused_clock"] == 1


YEARS_5 = 5 * 365 * 86_400.0


@pytest.mark.parametrize("wrong_s", [0.0, IN_1970])
def test_no_event_is_dropped_by_age_on_one_measurement(bin_with, wrong_s):
    one = bin_with(Clock(wrong_s=wrong_s))
    for number in range(5):
        one.capture(number)
    one.outbox.measure(one.clock.now(), one.clock.true_s + YEARS_5, 0.5)
    one.gateway.away = "no line"
    for _ in range(5):
        one.sender.step()
        one.clock.true_s += 100
    assert "dropped_too_old" not in one.counts()
    one.gateway.away = ""
    one.send_all()
    assert len(one.gateway.events) == 5


def test_a_jump_that_a_second_measurement_some_time_later_confirms_is_believed(bin_with):
    one = bin_with(Clock(wrong_s=IN_1970))
    one.outbox.measure(one.clock.now(), one.clock.true_s, 0.5)
    assert not one.outbox.is_sure_of_time("boot-1")
    one.clock.true_s += 300
    one.outbox.measure(one.clock.now(), one.clock.true_s, 0.5)
    assert not one.outbox.is_sure_of_time("boot-1")
    one.clock.true_s += 400
    one.outbox.measure(one.clock.now(), one.clock.true_s, 0.5)
    assert one.outbox.is_sure_of_time("boot-1")


@pytest.mark.parametrize("off_s", [YEARS_5, -YEARS_5, 86_400.0])
@pytest.mark.parametrize("wrong_s", [0.0, IN_1970])
def test_pictures_of_while_a_wrong_time_was_believed_are_sent_with_the_right_one(bin_with, wrong_s, off_s):
    one = bin_with(Clock(wrong_s=wrong_s))
    one.outbox.measure(one.clock.now(), one.clock.true_s + off_s, 0.5)
    heard, one.gateway.heard = one.gateway.heard, None
    taken = []
    for number in range(3):
        taken.append(one.clock.true_s)
        one.capture(number)
        one.clock.true_s += 5
    for _ in range(20):
        one.clock.true_s += max(0.1, one.sender.step())
    assert one.count("aside") == 0
    one.gateway.heard = heard
    one.send_all()
    assert [off(event, true_s) < 0.2 for event, true_s in zip(by_sequence(one), taken, strict=True)] == [True] * 3
    assert one.count("aside") == 0


def test_a_time_that_is_sure_is_not_given_up_for_one_that_was_heard_once(bin_with):
    one = bin_with(Clock())
    one.sender.step()
    one.clock.true_s += 50
    one.outbox.measure(one.clock.now(), one.clock.true_s + YEARS_5, 0.5)
    assert abs(one.outbox.when(one.clock.now())[0] - one.clock.true_s) < 1


@pytest.mark.parametrize("off_s", [YEARS_5, -day(40)])
def test_a_wrong_time_of_an_earlier_boot_moves_no_event_of_that_one_or_between_it_and_this(bin_with, off_s):
    clock = Clock()
    one = bin_with(clock)
    one.sender.step()
    clock.true_s += 100
    clock.reboot("boot-1b")
    one.outbox.measure(clock.now(), clock.true_s + off_s, 0.5)
    one.capture(0)
    clock.true_s += 100
    clock.reboot("boot-2")
    one.capture(1)
    clock.true_s += 100
    clock.reboot("boot-3")
    one.send_all()
    assert [off(event, NOON) < 400 for event in by_sequence(one)] == [True, True]


def test_events_that_the_service_would_find_too_old_are_dropped_and_counted_with_their_numbers(bin_with):
    one = bin_with(Clock(), keep_s=day(14))
    one.sender.step()
    one.gateway.away = "no line"
    for number in range(20):
        one.capture(number)
        one.clock.true_s += day(1)
        one.sender.step()
    one.gateway.away = ""
    one.send_all()
    assert one.counts()["dropped_too_old"] == 6
    assert [event.sequence for event in one.gateway.order] == list(range(6, 20))


def test_the_time_in_an_events_id_is_the_best_that_was_known_when_it_was_taken(bin_with):
    one = bin_with(Clock(wrong_s=IN_1970))
    one.sender.step()
    kept = one.capture()
    milliseconds = int.from_bytes(kept.event_id.bytes[:6], "big")
    assert abs(milliseconds / 1000 - NOON) < 1
    assert datetime.fromtimestamp(milliseconds / 1000, UTC).year == 2026
