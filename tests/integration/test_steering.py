"""Models move by themselves, on what the ledger says of their trials."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.memory.surroundings import ManualClock, MemoryTelemetry
from adapters.postgres.registry import PostgresRegistry
from adapters.postgres.serving import PostgresServing
from adapters.postgres.trials import PostgresTrials
from contracts.categories import Category
from contracts.facts import ModelMoved
from contracts.models import ModelFile, ModelState, NewModel, SecondOpinion
from contracts.moves import Moves
from contracts.names import OutcomeKind
from learning.rollout.steering import Steering
from tests.makers import an_event, an_outcome
from tests.plant_house import NOON

CANARY, CHAMPION = ModelState.CANARY, ModelState.CHAMPION


class Trialled:
    """A fleet in which two models score the same pictures."""

    def __init__(self, plant):
        self.plant = plant
        self.registry, self.trials = PostgresRegistry(plant.pools["learning"]), PostgresTrials(plant.pools["learning"])
        self.serving, self.clock, self.telemetry = (
            PostgresServing(plant.pools["worker"]),
            ManualClock(datetime.now(UTC)),
            MemoryTelemetry(),
        )
        self.steering = Steering(self.registry, self.trials, self.clock, self.telemetry)
        self.at = 0

    def add(self, version, passed=True, **metrics):
        file = ModelFile(version, f"{version.encode().hex():0>64}", f"models/{version}")
        self.registry.add(NewModel(file, 5, {}, "training", metrics={"gate": {"passed": passed}, **metrics}))

    def scored(self, count, decides, beside, *, mine="glass", other="plastic", actual=None):
        """Have `count` pictures decided as `other` by `decides`, called `mine` by `beside`, and labelled by a plant."""
        seconds = [self.at + 60 * n for n in range(1, count + 1)]
        self.at = seconds[-1]
        events = self.plant.decided(*seconds, day=NOON - timedelta(days=20))
        ids = [event.event_id for event in events]
        self.plant.sql.execute(
            "UPDATE predictions SET model_version = %s, category = %s WHERE event_id = ANY(%s)", (decides, other, ids)
        )
        self.serving.keep_opinions([SecondOpinion(one, beside, Category(mine), 0.9, OutcomeKind.PREDICTION, 3.0) for one in ids])
        if actual:
            self.plant.tell(*seconds, category=actual, day=NOON - timedelta(days=20))
            self.plant.join()

    def states(self):
        return {model.file.version: model.state.value for model in self.registry.models()}


@pytest.fixture
def fleet(plant):
    fleet = Trialled(plant)
    fleet.add("old")
    Moves(fleet.registry, "ada").move("old", CHAMPION, "first")
    return fleet


def test_a_candidate_that_passed_its_gate_goes_all_the_way_by_itself(fleet):
    fleet.add("new")
    assert fleet.steering.take_one()
    assert fleet.states()["new"] == "shadow"
    assert not fleet.steering.take_one()
    fleet.scored(220, "old", "new", mine="glass", other="glass")
    assert fleet.steering.take_one()
    assert fleet.states()["new"] == "canary"
    assert not fleet.steering.take_one(), "what it did as a shadow does not make it champion"
    fleet.scored(80, "new", "old", mine="plastic", other="glass", actual="glass")
    assert fleet.steering.take_one()
    assert fleet.states() == {"old": "retired", "new": "champion"}
    evidence = fleet.registry.moves("new", 1)[0].evidence
    assert (evidence["labels"], evidence["better"], evidence["worse"]) == (80, 80, 0)
    assert [fact.after for fact in fleet.telemetry.of(ModelMoved)] == ["shadow", "canary", "champion"]


def test_a_canary_that_is_worse_is_withdrawn(fleet):
    fleet.add("new")
    Moves(fleet.registry, "ada").move("new", CANARY, "try")
    fleet.scored(80, "new", "old", mine="glass", other="plastic", actual="glass")
    assert fleet.steering.take_one()
    assert fleet.states() == {"old": "champion", "new": "retired"}
    assert "worse" in fleet.registry.moves("new", 1)[0].because


def test_a_candidate_that_failed_its_gate_stays_where_it_is(fleet):
    fleet.add("new", passed=False)
    assert not fleet.steering.take_one()
    assert fleet.states()["new"] == "candidate"


def test_one_that_people_added_waits_for_people(fleet):
    file = ModelFile("hand", "f" * 64, "models/hand")
    fleet.registry.add(NewModel(file, 5, {}, "ada"))
    assert not fleet.steering.take_one()


def test_while_it_is_pinned_nothing_moves(fleet):
    fleet.add("new")
    fleet.registry.pin("ada")
    assert not fleet.steering.take_one()
    fleet.registry.pin(None)
    assert fleet.steering.take_one()


def test_a_trial_that_decides_nothing_ends_after_two_weeks(fleet):
    fleet.add("new")
    fleet.steering.take_one()
    fleet.clock.advance(13.9 * 86400)
    assert not fleet.steering.take_one()
    fleet.clock.advance(0.2 * 86400)
    assert fleet.steering.take_one()
    assert fleet.states()["new"] == "retired"


def test_a_new_trial_of_the_same_model_begins_with_nothing(fleet):
    fleet.add("new")
    moves = Moves(fleet.registry, "ada")
    moves.move("new", CANARY, "try")
    fleet.scored(80, "new", "old", mine="glass", other="plastic", actual="glass")
    fleet.steering.take_one()
    moves.move("new", CANARY, "once more")
    assert not fleet.steering.take_one()


@pytest.mark.parametrize("taken_back", [True, False])
def test_what_a_trial_showed_beside_another_champion_does_not_count(fleet, taken_back):
    """A canary that beats a bad champion shall not be promoted over the good one that is brought back."""
    moves = Moves(fleet.registry, "ada")
    fleet.add("bad", passed=False)
    fleet.add("other", passed=False)
    fleet.add("new")
    moves.move("bad", CHAMPION, "by mistake")
    moves.move("new", CANARY, "try")
    fleet.scored(80, "new", "bad", mine="plastic", other="glass", actual="glass")
    if taken_back:
        moves.roll_back("it is bad")
    else:
        moves.move("other", CHAMPION, "it is bad")
    assert not fleet.steering.take_one()
    fleet.scored(80, "new", "old", mine="glass", other="plastic", actual="glass")
    assert fleet.steering.take_one()
    assert fleet.states()["new"] == "retired"


def test_one_trial_at_a_time(fleet):
    fleet.add("new")
    fleet.add("newer")
    fleet.steering.take_one()
    assert sorted(fleet.states().values()) == ["candidate", "champion", "shadow"]
    assert not fleet.steering.take_one()


def test_a_shadow_waits_while_people_try_another_canary(fleet):
    fleet.add("new")
    fleet.steering.take_one()
    fleet.add("hand", passed=False)
    Moves(fleet.registry, "ada").move("hand", CANARY, "try")
    fleet.scored(220, "old", "new", mine="glass", other="glass")
    assert not fleet.steering.take_one()
    assert fleet.states() == {"old": "champion", "new": "shadow", "hand": "canary"}


def test_the_outcome_is_that_of_the_model_that_decided(fleet):
    fleet.scored(1, "old", "new", mine="glass", other="plastic", actual="glass")
    (found,) = fleet.trials.counts("new", datetime.now(UTC) - timedelta(hours=1))
    assert (found.paired, found.agreeing, found.labelled, found.better, found.worse) == (1, 0, 1, 1, 0)
    assert an_outcome(an_event()).kind == found.kind


def test_a_trial_beside_one_champion_replaces_no_other(fleet):
    fleet.add("new")
    fleet.add("other", passed=False)
    Moves(fleet.registry, "ada").move("new", CANARY, "try")
    fleet.scored(80, "new", "old", mine="plastic", other="glass", actual="glass")

    class Overtaken(PostgresTrials):
        def counts(self, *values):
            found = super().counts(*values)
            Moves(fleet.registry, "ada").move("other", CHAMPION, "now")
            return found

    steering = Steering(fleet.registry, Overtaken(fleet.plant.pools["learning"]), fleet.clock, fleet.telemetry)
    assert not steering.take_one()
    assert fleet.states() == {"old": "retired", "new": "canary", "other": "champion"}
