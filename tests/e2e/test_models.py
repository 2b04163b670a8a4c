"""Models are exchanged under a running fleet: what is planned is in force within seconds, and no event notices."""

import time
from datetime import UTC, datetime

import pytest

from adapters.onnx.model import OnnxClassifier
from adapters.postgres.connections import open_pool
from adapters.postgres.registry import PostgresRegistry
from contracts.models import ModelState
from contracts.moves import Moves
from learning.rollout.registering import Registrar
from tests.changed_models import changed
from tests.conftest import wait_for

CANARY, CHAMPION = ModelState.CANARY, ModelState.CHAMPION


@pytest.fixture(scope="module")
def registry(fleet):
    with open_pool(fleet.stack.postgres.url("waste"), name="learning", max_size=2) as pool:
        yield PostgresRegistry(pool)


@pytest.fixture(scope="module")
def moves(registry):
    return Moves(registry, "ada")


@pytest.fixture(scope="module")
def add(registry, outside, tmp_path_factory):
    registrar = Registrar(registry, outside.objects, lambda path, sha256: vars(OnnxClassifier.load(path, sha256).facts))

    def add(version, threshold="0.75"):
        def change(model):
            for entry in model.metadata_props:
                entry.value = {"version": version, "threshold": threshold}.get(entry.key, entry.value)

        path, _ = changed(tmp_path_factory.mktemp("model"), change)
        return registrar.add(path, "ada")[0]

    return add


def in_force(registry, version, revision):
    workers = registry.workers()
    return bool(workers) and all((one.model_version, one.revision) == (version, revision) for one in workers)


def decided_by(outside, ids):
    outside.await_outcomes(ids)
    rows = outside.query("SELECT DISTINCT model_version FROM predictions WHERE event_id = ANY(%s)", list(ids))
    return {version for (version,) in rows}


def await_in_force(registry, version):
    """Return after how many seconds every worker has the plan in force."""
    began = time.monotonic()
    wait_for(lambda: in_force(registry, version, registry.plan().revision), 15, f"{version} in every worker")
    return time.monotonic() - began


def test_a_champion_and_its_threshold_are_in_force_within_five_seconds_and_so_is_a_roll_back(
    registry, moves, add, outside, pictures
):
    images = [image for image, _ in pictures[:20]]
    shipped = decided_by(outside, outside.send(images))
    for version, threshold in (("calm-1", "0.0"), ("strict-1", "1.0")):
        add(version, threshold)
        moves.move(version, CHAMPION, "test")
        assert await_in_force(registry, version) < 5
    assert decided_by(outside, ids := outside.send(images)) == {"strict-1"}
    assert {kind for kind, _ in outside.outcomes(ids).values()} == {"review"}
    assert moves.roll_back("too strict") == ("strict-1", "calm-1")
    assert await_in_force(registry, "calm-1") < 5
    assert decided_by(outside, ids := outside.send(images)) == {"calm-1"}
    assert {reason for _, reason in outside.outcomes(ids).values()} <= {None, "out_of_distribution"}
    moves.roll_back("as it was")
    await_in_force(registry, *shipped)
    assert decided_by(outside, outside.send(images)) == shipped


def test_a_canary_decides_for_some_sensors_and_the_champions_opinion_stands_beside(registry, moves, add, outside, pictures):
    add("calm-2", "0.0")
    add("bird-1", "0.5")
    moves.move("calm-2", CHAMPION, "test")
    registry.set_shares(canary=0.4)
    moves.move("bird-1", CANARY, "test")
    await_in_force(registry, "calm-2")
    ids = outside.send([image for image, _ in pictures], bins=30)
    outside.await_outcomes(ids)
    rows = outside.query(
        "SELECT o.sensor_id, p.model_version, count(*) FROM predictions p JOIN outcomes o USING (event_id)"
        " WHERE p.event_id = ANY(%s) GROUP BY 1, 2", ids,
    )  # fmt: skip
    by_sensor = {sensor: version for sensor, version, _ in rows}
    assert len(by_sensor) == len(rows), "a sensor was decided by two models"
    assert set(by_sensor.values()) == {"calm-2", "bird-1"}
    on_canary = sum(count for _, version, count in rows if version == "bird-1")

    def opinions():
        query = "SELECT count(*) FROM shadow_predictions WHERE event_id = ANY(%s) AND model_version = 'calm-2'"
        return outside.query(query, ids)[0][0] == on_canary

    wait_for(opinions, 10, "the champion's opinions")
    moves.move("bird-1", ModelState.RETIRED, "test")
    await_in_force(registry, "calm-2")


def test_exchanges_under_load_lose_mix_and_hold_up_nothing(registry, moves, add, outside, pictures):
    """The bench counts a hundred of them; here each of five is in force while events flow."""
    images = [image for image, _ in pictures]
    thresholds = {"even": "0.0", "odd": "1.0"}
    for version, threshold in thresholds.items():
        add(version, threshold)
    moves.move("even", CHAMPION, "test")
    await_in_force(registry, "even")
    ids, began = [], datetime.now(UTC)
    for number in range(5):
        moves.move("odd" if number % 2 == 0 else "even", CHAMPION, "test")
        champion = registry.plan().champion.version
        while not in_force(registry, champion, registry.plan().revision):
            ids += outside.send(images[:20], bins=20)
            time.sleep(0.2)
        ids += outside.send(images[:20], bins=20)
    outside.await_outcomes(ids)
    rows = outside.query(
        "SELECT p.model_version, o.kind, o.reason, p.confidence FROM predictions p JOIN outcomes o USING (event_id)"
        " WHERE p.event_id = ANY(%s)", ids,
    )  # fmt: skip
    assert len(rows) == len(ids) == len(set(ids))
    assert {version for version, *_ in rows} == {"even", "odd"}
    for version, kind, reason, _ in rows:
        if reason != "out_of_distribution":
            assert kind == ("prediction" if version == "even" else "review"), version
    assert outside.audit()[:2] == (set(), 0)
    assert (datetime.now(UTC) - began).total_seconds() < 60


def test_a_worker_that_cannot_load_a_model_goes_on_with_the_one_it_has_and_says_so(registry, moves, add, outside, pictures):
    before = registry.workers()[0].model_version
    file = add("gone-1")
    outside.objects.put(file.object_key, b"another file", "application/octet-stream")
    moves.move("gone-1", CHAMPION, "test")
    wait_for(lambda: all(one.problem for one in registry.workers()), 10, "a problem in every worker")
    assert "the registry says" in registry.workers()[0].problem
    assert decided_by(outside, outside.send([image for image, _ in pictures[:10]])) == {before}
    moves.roll_back("it is damaged")
    await_in_force(registry, before)
    assert not registry.workers()[0].problem


def test_a_shadow_that_does_not_load_holds_up_no_roll_back(registry, moves, add, outside):
    (before,) = {one.model_version for one in registry.workers()}
    add("calm-3", "0.0")
    damaged = add("gone-2", "0.5")
    outside.objects.put(damaged.object_key, b"another file", "application/octet-stream")
    moves.move("calm-3", CHAMPION, "test")
    await_in_force(registry, "calm-3")
    moves.move("gone-2", ModelState.SHADOW, "test")
    wait_for(lambda: all(one.problem for one in registry.workers()), 10, "a problem in every worker")
    for _ in range(3):
        moves.roll_back("test")
        wait_for(lambda: {one.model_version for one in registry.workers()} == {before}, 5, "the one before in every worker")
        moves.move("calm-3", CHAMPION, "test")
        wait_for(lambda: {one.model_version for one in registry.workers()} == {"calm-3"}, 5, "the other in every worker")
    moves.roll_back("test")
    moves.move("gone-2", ModelState.RETIRED, "test")
    await_in_force(registry, before)
