"""What plants tell the gateway."""

from datetime import UTC, datetime, timedelta

import pytest


@pytest.fixture
def gateway(open_gateway):
    return open_gateway()


def rows(*categories):
    now = datetime.now(UTC) - timedelta(hours=1)
    return [
        {"sensor_id": "bin-7", "observed_at": (now + timedelta(seconds=n)).isoformat(), "category": category}
        for n, category in enumerate(categories)
    ]


def test_a_plants_labels_are_taken_once_and_what_is_none_is_named(gateway, sql):
    plant, labels = gateway.client("plant:north"), rows("glass", "wood", "Paper")
    first = plant.post("/v1/ground-truth", json={"labels": labels, "batch": "monday"})
    assert first.status_code == 207
    told = first.json()
    assert (told["new"], told["repeated"], told["rejected"]) == (2, 0, 1)
    assert told["problems"] == [{"line": 2, "problem": "category: 'wood' is none of plastic, paper, glass, metal, organic"}]
    assert plant.post("/v1/ground-truth", json={"labels": labels[:1]}).json()["repeated"] == 1
    kept = sql.execute("SELECT source, category, batch FROM ground_truth ORDER BY observed_at").fetchall()
    assert kept == [("north", "glass", "monday"), ("north", "paper", "monday")]


def test_a_bin_cannot_say_what_was_in_it_and_a_plant_not_in_anothers_name(gateway, sql):
    answer = gateway.client("bin-7").post("/v1/ground-truth", json={"labels": rows("glass")})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:waste-fleet:problem:not-yours")
    plant = gateway.client("plant:north")
    answer = plant.post("/v1/ground-truth", json={"labels": [rows("glass")[0] | {"source": "south"}]})
    assert (answer.status_code, answer.json()["rejected"]) == (207, 1)
    for wrong in ({}, {"labels": []}, {"labels": [1]}, {"labels": rows("glass"), "x": 1}, {"labels": rows(*["glass"] * 5001)}):
        assert plant.post("/v1/ground-truth", json=wrong).status_code == 422
    answer = gateway.client("plant:plant:north").post("/v1/ground-truth", json={"labels": rows("glass")})
    assert (answer.status_code, answer.json()["rejected"]) == (207, 1)
    assert sql.execute("SELECT count(*) FROM ground_truth").fetchone() == (0,)
