"""What plants tell, kept once, joined with what the fleet decided, as the program's own login."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.postgres.accuracy import PostgresAccuracy
from contracts.accuracy import Dimension
from contracts.categories import CATEGORIES, Category
from contracts.errors import EventInvalid
from contracts.truth import GroundTruth, TruthTaken, read_truth
from tests.plant_house import NOON


def test_labels_are_kept_once_however_often_they_come(plant):
    assert (plant.tell(1, 2, 3).new, plant.tell(2, 3, 4)) == (3, TruthTaken(1, 2, []))
    many = plant.truth.add([GroundTruth(sensor_id="bin-7", observed_at=NOON, category="glass", source="south")] * 5000)
    assert (many.new, many.repeated) == (1, 4999)


def test_a_row_that_comes_back_with_other_content_is_named(plant):
    plant.tell(1, reference="r1")
    taken = plant.truth.add(
        [
            GroundTruth(sensor_id="bin-7", observed_at=NOON, category="metal", source="north", reference="r2"),
            GroundTruth(
                sensor_id="bin-7", observed_at=NOON + timedelta(seconds=1), category="metal", source="north", reference="r1"
            ),
        ]
    )
    assert (taken.new, taken.conflicting) == (1, [1])
    assert plant.sql.execute("SELECT category FROM ground_truth WHERE reference = 'r1'").fetchone() == ("glass",)


def test_labels_are_joined_and_joining_again_changes_nothing(plant):
    first, second = plant.decided(0, 100)
    plant.tell(1.5, 98, 500)
    found = plant.join()
    assert found == [("matched", first.event_id, 1.5), ("matched", second.event_id, -2.0), ("unmatched", None, None)]
    before = plant.sql.execute("SELECT * FROM ground_truth ORDER BY truth_id").fetchall()
    plant.sql.execute("UPDATE ground_truth SET match = NULL, joined_at = NULL, event_id = NULL, distance_s = NULL")
    assert plant.join() == found
    after = plant.sql.execute("SELECT * FROM ground_truth ORDER BY truth_id").fetchall()
    assert [row[:9] for row in after] == [row[:9] for row in before]


def test_a_late_label_takes_its_place_among_those_that_were_joined_before(plant):
    first, second = plant.decided(0, 20)
    plant.tell(12)
    assert plant.join()[0][1] == second.event_id
    plant.tell(19)
    assert [row[1] for row in plant.join()] == [first.event_id, second.event_id]


def test_an_event_that_comes_late_finds_its_label_at_the_next_look(plant):
    plant.tell(0)
    assert plant.join() == [("unmatched", None, None)]
    (event,) = plant.decided(3)
    assert plant.join() == [("unmatched", None, None)]
    plant.sql.execute("UPDATE ground_truth SET joined_at = now() - interval '25 h'")
    assert plant.join() == [("matched", event.event_id, -3.0)]


def test_what_lies_at_midnight_is_joined_as_anything_else(plant):
    midnight = NOON.replace(hour=0)
    events = plant.decided(-5, 5, day=midnight)
    plant.tell(-1, 9, day=midnight)
    assert [row[1] for row in plant.join()] == [event.event_id for event in events]


def test_two_plants_may_tell_of_one_event_and_one_plant_once(plant):
    plant.decided(0)
    plant.tell(1)
    plant.tell(1, category="metal", source="south")
    plant.tell(2)
    found = plant.join()
    assert sorted(row[0] for row in found) == ["matched", "matched", "unmatched"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"category": "wood"}, "category"),
        ({"category": None}, "category"),
        ({"observed_at": "yesterday"}, "observed_at"),
        ({"observed_at": "2999-01-01T00:00:00Z"}, "observed_at"),
        ({"observed_at": "2001-01-01T00:00:00Z"}, "observed_at"),
        ({"sensor_id": "bin 7"}, "sensor_id"),
        ({"sensor_id": ""}, "sensor_id"),
        ({"event_id": "x"}, "event_id"),
        ({"batch": "a\nb"}, "batch"),
        ({"source": "south"}, "source"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_row_that_cannot_be_a_label_names_its_field(change, field):
    row = {"sensor_id": "bin-7", "observed_at": NOON.isoformat(), "category": "glass"} | change
    with pytest.raises(EventInvalid) as found:
        read_truth(row, datetime.now(UTC), "north")
    assert found.value.field == field


def test_a_row_as_a_table_holds_it_is_a_label():
    row = {
        "sensor_id": "bin-7",
        "observed_at": "2026-11-20 12:00:00",
        "category": " Glass ",
        "event_id": "",
        "batch": "",
        "reference": "",
    }
    found = read_truth(row, datetime(2026, 11, 25, tzinfo=UTC), "north")
    assert (found.category, found.event_id, found.observed_at) == (Category.GLASS, None, datetime(2026, 11, 20, 12, tzinfo=UTC))


def test_accuracy_counts_plants_before_people_and_neither_where_they_say_nothing(plant):
    events = plant.decided(*range(0, 1000, 100))
    plant.tell(1, 101, category="plastic")
    plant.tell(201, category="glass")
    plant.tell(301, category="plastic")
    plant.tell(301, category="glass", source="south")
    plant.join()
    counts = PostgresAccuracy(plant.pools["learning"], CATEGORIES)
    (row,) = counts.strata(NOON, NOON + timedelta(hours=1), Dimension.ALL)
    assert (row.kind, row.decided, row.labelled, row.right) == ("prediction", len(events), 3, 2)
    assert row.confidence_sum == pytest.approx(9.0)
    by_actual = {row.value: (row.labelled, row.right) for row in counts.strata(NOON, NOON + timedelta(hours=1), Dimension.ACTUAL)}
    assert by_actual == {"": (0, 0), "plastic": (2, 2), "glass": (1, 0)}
    assert counts.strata(NOON - timedelta(days=1), NOON, Dimension.ALL) == []
    for by in Dimension:
        assert sum(row.decided for row in counts.strata(NOON, NOON + timedelta(hours=1), by)) == len(events)
    buckets = counts.buckets(NOON, NOON + timedelta(hours=1))
    assert sum(one.decided for one in buckets) == len(events)
    assert sum(one.right for one in buckets) == 2
    assert all(0 <= one.hundredth < 100 for one in buckets)


def test_a_storm_of_labels_for_one_sensor_finds_each_prediction_once(plant):
    plant.decided(*range(100, 160, 2))
    for start in range(0, 6000, 500):
        plant.truth.add([label(100 + number / 100, reference=f"r{number}") for number in range(start, start + 500)])
    plant.join()
    found = dict(plant.sql.execute("SELECT match, count(*) FROM ground_truth GROUP BY 1").fetchall())
    assert found == {"matched": 30, "unmatched": 5970}


def label(at, **more):
    values = {"sensor_id": "bin-7", "source": "north", "category": "glass"} | more
    return GroundTruth(observed_at=NOON + timedelta(seconds=at), **values)
