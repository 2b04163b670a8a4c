"""A plant that says otherwise than people did: one more of them is asked, once, and nobody is told what the plant said."""

from datetime import timedelta

import pytest

from adapters.postgres.connections import open_pool
from adapters.postgres.truth import PostgresTruth
from contracts.labels import Choice
from contracts.truth import GroundTruth, Oddity
from learning.truth.joining import Joining
from local.database import ensure_logins


@pytest.fixture
def truth(house, stack, database_url, tmp_path):
    urls = ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2])
    with open_pool(urls["learning"], name="learning", max_size=1) as pool:
        yield PostgresTruth(pool)


def told(house, truth, event_id, category, source="north"):
    sensor, at = house.sql.execute("SELECT sensor_id, captured_at FROM events WHERE event_id = %s", (event_id,)).fetchone()
    truth.add([GroundTruth(sensor_id=sensor, observed_at=at + timedelta(seconds=1), category=category, source=source)])
    house.sql.execute("UPDATE ground_truth SET match = NULL, joined_at = NULL, event_id = NULL, distance_s = NULL")
    Joining(truth).take_one()


def decided(house):
    event = house.event()
    house.worker.record([_outcome(event)], event.event_id)
    house.desk.letters.file([house.letter(event)])
    return event.event_id


def _outcome(event):
    from contracts.names import OutcomeKind
    from tests.makers import an_outcome

    return an_outcome(event, OutcomeKind.REVIEW)


def test_one_more_person_is_asked_where_a_plant_says_otherwise(house, truth):
    event_id = decided(house)
    house.says("rita", event_id, Choice.GLASS)
    told(house, truth, event_id, "metal")
    assert (truth.contest(), truth.contest()) == (1, 0)
    assert house.state(event_id) == ("open", None)
    (row,) = truth.odd(Oddity.CONTRADICTING, 10) or [None]
    assert row is None or row["category"] == "metal"
    house.says("rolf", event_id, Choice.GLASS)
    assert house.state(event_id) == ("labelled", "glass")
    assert truth.contest() == 0
    (row,) = truth.odd(Oddity.CONTRADICTING, 10)
    assert (row["category"], row["people"]) == ("metal", "glass")


def test_nobody_is_asked_where_they_agree(house, truth):
    event_id = decided(house)
    house.says("rita", event_id, Choice.GLASS)
    told(house, truth, event_id, "glass")
    assert truth.contest() == 0
    assert truth.odd(Oddity.CONTRADICTING, 10) == []
    told(house, truth, event_id, "paper", source="south")
    assert {row["source"] for row in truth.odd(Oddity.CONTRADICTING, 10)} == {"north", "south"}
