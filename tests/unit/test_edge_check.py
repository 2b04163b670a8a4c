"""What `waste edge check` says, before a gateway that does not answer as it should."""

import pytest

from contracts.edge import DoorAway
from producer.edge.check import Checks
from tests.unit.edge_house import Clock, Gateway


@pytest.fixture
def checked(tmp_path):
    clock = Clock()
    gateway = Gateway(clock)

    def check(**changes):
        for name, work in changes.items():
            setattr(gateway, name, work)
        checks = Checks(tmp_path / "state", tmp_path, ["true"], 0, clock.now)
        return dict(reversed(line) for line in checks.run(lambda _: gateway, "https://gateway"))

    return check


def raising(error):
    def call(*_):
        raise error

    return call


def test_a_gateway_that_is_busy_is_not_called_away(checked):
    lines = checked(place=raising(DoorAway("too-fast: slower", 5.0, answered=True)))
    assert lines["The gateway https://gateway answers."] is True
    (busy,) = [text for text, fine in lines.items() if "busy" in text and not fine]
    assert "again in 5 s" in busy
    assert not [text for text in lines if "Is the line up" in text]


def test_a_place_for_pictures_that_cannot_be_reached_is_not_fine(checked):
    lines = checked(reach=raising(DoorAway("connection refused")))
    assert [fine for text, fine in lines.items() if "Pictures go to" in text and "cannot be reached" in text] == [False]
    assert [fine for text, fine in checked(reach=lambda _: None).items() if "which can be reached" in text] == [True]


def test_nothing_is_left_behind(checked, tmp_path):
    checked()
    assert list(tmp_path.iterdir()) == []
