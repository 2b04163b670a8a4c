"""Trainings: one at a time, cancelled, taken up again, and each with an end that says why."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest

from adapters.memory.surroundings import MemoryTelemetry
from adapters.postgres.alerts import PostgresAlerts
from adapters.postgres.registry import PostgresRegistry
from adapters.postgres.trainings import PostgresTrainings
from contracts.alerts import ACCURACY_FELL, Alert
from contracts.errors import LedgerUnavailable
from contracts.models import ModelFile, NewModel
from contracts.trainings import BY_ALERT, BY_SCHEDULE, Training, TrainingState
from learning.datasets import DatasetInvalid
from learning.retrain.gate import Gate
from learning.retrain.retraining import Retraining, version_of
from learning.retrain.trigger import Rhythm, due

STATES = TrainingState


@pytest.fixture
def trainings(plant):
    return PostgresTrainings(plant.pools["learning"])


@dataclass
class Shop:
    """A workshop without any work; `fit` is what happens meanwhile."""

    registry: PostgresRegistry
    passed: bool = True
    meanwhile: object = lambda: None
    made: list = field(default_factory=list)

    def gather(self, told):
        told("gather", 0.3)
        return SimpleNamespace(features=SimpleNamespace(samples=()), snapshot_id=None, left_out=2)

    def fit(self, lesson, version, told):
        self.meanwhile()
        told("fit", 0.9)
        return SimpleNamespace(gate=Gate(self.passed, () if self.passed else ("recent: worse", "speed: slow")), version=version)

    def register(self, made, lesson, metrics):
        self.made.append(made.version)
        self.registry.add(NewModel(ModelFile(made.version, uuid4().hex * 2, "k"), 5, {}, "training", metrics=metrics))


@pytest.fixture
def shop(plant):
    return Shop(PostgresRegistry(plant.pools["learning"]))


@pytest.fixture
def retraining(trainings, shop):
    return Retraining(trainings, shop.registry, shop, MemoryTelemetry())


def test_one_that_passes_the_gate_becomes_a_candidate(retraining, trainings, shop):
    trainings.ask("ada", "hand")
    assert retraining.take_one()
    (training,) = trainings.recent(5)
    assert (training.state, training.version) == (STATES.REGISTERED, shop.made[0])
    (model,) = shop.registry.models()
    assert model.metrics["gate"] == {"passed": True}
    assert not retraining.take_one()


def test_who_watches_a_training_is_told_its_steps_in_order(retraining, trainings):
    steps = []
    trainings.ask("ada", "hand")
    assert replace(retraining, watched=lambda step, progress: steps.append((progress, step))).take_one()
    assert steps == sorted(steps)
    assert list(dict.fromkeys(step for _, step in steps)) == ["gather", "fit", "register"]


def test_one_that_fails_the_gate_is_kept_with_its_reasons_and_nothing_is_registered(retraining, trainings, shop):
    shop.passed = False
    trainings.ask("ada", "hand")
    retraining.take_one()
    (training,) = trainings.recent(5)
    assert (training.state, training.report["reasons"]) == (STATES.REFUSED, ["recent: worse", "speed: slow"])
    assert not shop.registry.models()


def test_one_waits_or_runs_at_a_time_however_many_ask(trainings):
    with ThreadPoolExecutor(4) as pool:
        asked = list(pool.map(lambda n: trainings.ask(f"p{n}", "hand"), range(8)))
    assert sum(one is not None for one in asked) == 1
    assert trainings.take(600, 3)
    assert trainings.ask("late", "hand") is None
    assert trainings.take(600, 3) is None


def test_one_that_is_cancelled_stops_at_its_next_step_and_leaves_nothing(retraining, trainings, shop):
    trainings.ask("ada", "hand")
    shop.meanwhile = lambda: trainings.cancel("ada")
    assert retraining.take_one()
    assert trainings.recent(1)[0].state is STATES.CANCELLED
    assert not shop.made
    assert trainings.ask("ada", "again")


def test_one_whose_runner_died_is_taken_up_again_and_fails_after_three_times(trainings, plant):
    trainings.ask("ada", "hand")
    for attempt in (1, 2, 3):
        taken = trainings.take(600, 3)
        assert taken.attempts == attempt
        assert trainings.take(600, 3) is None
        plant.sql.execute("UPDATE trainings SET beat_at = beat_at - interval '11 minutes'")
    assert trainings.take(600, 3) is None
    assert trainings.recent(1)[0].state is STATES.FAILED
    assert "vanished 3 times" in trainings.recent(1)[0].report["error"]


@pytest.mark.parametrize("step", ["gather", "fit"])
def test_one_whose_step_takes_long_is_taken_from_nobody(retraining, trainings, shop, monkeypatch, step):
    trainings.ask("ada", "hand")
    others, worked = [], getattr(shop, step)

    def long(*told):
        for _ in range(8):
            time.sleep(0.2)
            others.append(trainings.take(0.8, 3))
        return worked(*told)

    monkeypatch.setattr(shop, step, long)
    replace(retraining, beat_every_s=0.1).take_one()
    assert others == [None] * 8
    (ended,) = trainings.recent(1)
    assert (ended.state, ended.attempts) == (STATES.REGISTERED, 1)


def test_who_was_thought_dead_and_comes_back_changes_nothing(retraining, trainings, shop, plant):
    trainings.ask("ada", "hand")

    def another_takes_it():
        plant.sql.execute("UPDATE trainings SET beat_at = beat_at - interval '11 minutes'")
        assert trainings.take(600, 3)

    shop.meanwhile = another_takes_it
    retraining.take_one()
    assert not shop.made
    assert trainings.recent(1)[0].state is STATES.RUNNING


def test_who_dies_between_the_registry_and_the_end_is_followed_by_one_who_only_ends_it(retraining, trainings, shop, plant):
    trainings.ask("ada", "hand")
    taken = trainings.take(600, 3)
    shop.register(SimpleNamespace(version=version_of(taken)), None, {"gate": {"passed": True}})
    plant.sql.execute("UPDATE trainings SET beat_at = beat_at - interval '11 minutes'")
    assert retraining.take_one()
    assert trainings.recent(1)[0].state is STATES.REGISTERED
    assert len(shop.registry.models()) == 1


@pytest.mark.parametrize("error", [DatasetInvalid("no pictures of glass"), ValueError("odd")])
def test_what_goes_wrong_is_kept_and_the_next_may_be_asked_for(retraining, trainings, shop, error):
    def fail():
        raise error

    shop.meanwhile = fail
    trainings.ask("ada", "hand")
    if isinstance(error, DatasetInvalid):
        retraining.take_one()
    else:
        with pytest.raises(ValueError, match="odd"):
            retraining.take_one()
    assert str(error) in trainings.recent(1)[0].report["error"]
    assert trainings.ask("ada", "again")


def test_what_passes_by_itself_ends_no_training(retraining, trainings, shop):
    def fail():
        raise LedgerUnavailable("away")

    shop.meanwhile = fail
    trainings.ask("ada", "hand")
    with pytest.raises(LedgerUnavailable):
        retraining.take_one()
    assert trainings.recent(1)[0].state is STATES.RUNNING


NOW = datetime(2026, 5, 1, tzinfo=UTC)
FELL = Alert(uuid4(), ACCURACY_FELL, "", NOW - timedelta(hours=3))


def ended(state, ago):
    return Training(uuid4(), NOW - ago, "a", "alert", state, "", 1.0, 1, ended_at=NOW - ago)


@pytest.mark.parametrize(
    ("alerts", "trainings", "every", "found"),
    [
        ([], [], None, None),
        ([FELL], [], None, (BY_ALERT, FELL.alert_id)),
        ([FELL], [ended(STATES.REGISTERED, timedelta(days=2))], None, (BY_ALERT, FELL.alert_id)),
        ([FELL], [ended(STATES.REFUSED, timedelta(hours=1))], None, None),
        ([FELL], [ended(STATES.REGISTERED, timedelta(hours=1))], None, None),
        ([FELL], [Training(uuid4(), NOW, "a", "hand", STATES.RUNNING, "fit", 0.5, 1)], None, None),
        ([Alert(uuid4(), ACCURACY_FELL, "", NOW, {}, NOW)], [], None, None),
        ([Alert(uuid4(), "sensor_faulty", "bin-1", NOW)], [], None, None),
        ([], [], timedelta(days=30), (BY_SCHEDULE, None)),
        ([], [ended(STATES.REFUSED, timedelta(days=29))], timedelta(days=30), None),
        ([], [ended(STATES.REFUSED, timedelta(days=31))], timedelta(days=30), (BY_SCHEDULE, None)),
    ],
)
def test_when_a_training_is_due(alerts, trainings, every, found):
    assert due(alerts, trainings, NOW, Rhythm(every), on_trial=False) == found
    assert due(alerts, trainings, NOW, Rhythm(every), on_trial=True) is None


def test_an_alert_that_still_stands_asks_again_after_a_day():
    old = Alert(uuid4(), ACCURACY_FELL, "", NOW - timedelta(days=30))
    for hours, found in ((23, None), (25, (BY_ALERT, old.alert_id))):
        assert due([old], [ended(STATES.REFUSED, timedelta(hours=hours))], NOW, Rhythm(None), on_trial=False) == found


def test_the_alert_that_asked_is_kept_with_the_training(trainings, plant):
    alerts = PostgresAlerts(plant.pools["learning"])
    alert = alerts.fire(ACCURACY_FELL, "", {})
    trainings.ask("slow", BY_ALERT, alert.alert_id)
    assert trainings.recent(1)[0].alert_id == alert.alert_id
