"""The gateway as a bin sees it: its adapter before a real gateway, and its twin."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from adapters.http.gateway_door import GatewayDoor, Speaker
from adapters.memory.door import MemoryDoor
from contracts.codec import encode_event
from contracts.edge import DoorAway
from contracts.signatures import derive_credential, device_token
from tests.gateway_house import GatewayHouse
from tests.makers import MASTER_KEY, a_jpeg, an_event


@pytest.fixture(params=["gateway, token", "gateway, own signature", "memory"])
def opened(request):
    """A door of bin-7, and what it has heard of the time."""
    heard = []

    def hear(at_s, error_s):
        heard.append((at_s - time.time(), error_s))

    if request.param == "memory":
        yield MemoryDoor("bin-7", lambda: datetime.now(UTC), hear), heard
        return
    values = [request.getfixturevalue(name) for name in ("stack", "database_url", "redis_url", "tmp_path")]
    house = GatewayHouse(*values)
    credential = derive_credential(MASTER_KEY, "bin-7")
    speaker = Speaker("bin-7", device_token(credential), credential if "signature" in request.param else None)
    yield GatewayDoor(house.url, speaker, hear), heard
    house.close()


def sent(door, **changes):
    event = an_event(**changes)
    picture = a_jpeg()
    place = door.place(event.event_id, "image/jpeg", len(picture))
    door.put(place, picture)
    return event.model_copy(update={"image_url": place.image_url})


def test_an_event_is_taken_and_taken_again_and_another_content_is_a_conflict(opened):
    door, _ = opened
    event = sent(door)
    fates = [door.send([encode_event(one)])[0] for one in (event, event, event.model_copy(update={"sequence": 9}))]
    assert [(fate.status, fate.kind, fate.taken, fate.again) for fate in fates] == [
        (202, "", True, False),
        (200, "", True, False),
        (409, "event-conflict", False, False),
    ]


def test_each_event_of_a_batch_has_its_own_fate_in_their_order(opened):
    door, _ = opened
    now = datetime.now(UTC)
    good, old = sent(door), sent(door, captured_at=now - timedelta(days=40))
    ahead, other = sent(door, captured_at=now + timedelta(days=1)), sent(door)
    fates = door.send([encode_event(one) for one in (good, old, ahead, other)])
    assert [fate.kind for fate in fates] == ["", "clock", "clock", ""]
    (alone,) = door.send([encode_event(old)])
    assert (alone.kind, alone.again) == ("clock", False)


def test_a_place_is_for_one_size(opened):
    door, _ = opened
    place = door.place(an_event().event_id, "image/jpeg", 10)
    assert place.image_url.startswith("s3://waste-images/bin-7/")
    with pytest.raises(DoorAway):
        door.put(place, b"x" * 11)


def test_the_server_of_a_place_can_be_reached_without_putting_anything_there(opened):
    door, _ = opened
    picture = a_jpeg()
    place = door.place(an_event().event_id, "image/jpeg", len(picture))
    door.reach(place)
    door.put(place, picture)


def test_a_contact_is_answered_with_how_fast_to_go_on_and_each_answer_with_the_time(opened):
    door, heard = opened
    advice = door.contact(5, {"spool": 3, "version": "0.1.0", "fine": True})
    assert (advice.share, advice.pause_s, door.share) == (1.0, 0.0, 1.0)
    assert heard
    assert all(abs(off_s) <= error_s + 0.1 for off_s, error_s in heard)
    assert min(error_s for _, error_s in heard) < 0.5


def test_of_an_event_that_is_not_decided_or_not_known_nothing_is_said(opened):
    door, _ = opened
    event = sent(door)
    assert door.find(event.event_id).outcome is None
    door.send([encode_event(event)])
    assert door.find(event.event_id).outcome is None
