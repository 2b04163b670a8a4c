"""What a gateway looks after beside its requests."""

import time

import pytest

from contracts.errors import QueueUnavailable
from contracts.facts import DependencyBack, DependencyLost
from intake.gateway import watching
from intake.gateway.watching import Watch
from tests.conftest import wait_for


class Quiet:
    """Nothing is refused, and facts are kept."""

    def __init__(self):
        self.facts, self.refused = [], None

    def emit(self, fact):
        self.facts.append(fact)


class Reads:
    def refused(self):
        return {}


class Weather:
    """Looks as its script says: an error to raise, or nothing."""

    def __init__(self, script):
        self.script, self.looks = list(script), 0

    def look(self):
        self.looks += 1
        if self.script and (error := self.script.pop(0)):
            raise error


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(watching, "_EVERY_S", 0.01)


def test_a_watch_goes_on_after_what_nobody_foresaw(quick):
    weather, heard = Weather([None, LookupError("odd"), None]), []
    watch = Watch(weather, Reads(), Quiet(), Quiet(), heard.append)
    watch.start()
    wait_for(lambda: weather.looks >= 4, 5, "another look")
    watch.stop()
    assert heard[:3] == [True, False, True]


def test_how_long_the_queue_was_away_is_told(quick):
    facts, weather = Quiet(), Weather([])
    watch = Watch(weather, Reads(), Quiet(), facts, lambda there: None)
    weather.script = [QueueUnavailable("x"), QueueUnavailable("x")]
    watch.look()
    time.sleep(0.05)
    watch.look()
    watch.look()
    lost, back = facts.facts
    assert isinstance(lost, DependencyLost)
    assert isinstance(back, DependencyBack)
    assert back.away_s >= 0.05
