"""Models that come late, or never, and what loading leaves to deciding."""

import os
import sys
import time
from threading import Event, get_native_id

import pytest

from adapters.memory.surroundings import MemoryTelemetry
from contracts.facts import ModelNotLoaded
from contracts.models import ServingPlan
from tests.conftest import wait_for
from tests.unit.house import House
from tests.unit.shelf import Said, Shelf, file
from worker.loads import NICE
from worker.model_keeper import ModelKeeper
from worker.slots import ModelSlots


class Hanging(Shelf):
    """A shelf that hands out some models only when it is let go."""

    def __init__(self, *models, hangs=()):
        super().__init__(*models)
        self.hangs, self.let_go = set(hangs), Event()

    def __call__(self, found):
        if found.version in self.hangs:
            self.let_go.wait(30)
        return super().__call__(found)


@pytest.fixture
def hanging():
    shelf = Hanging(Said("c1"), Said("c2", 1), Said("t1", 2), hangs=("t1",))
    yield shelf
    shelf.let_go.set()


def test_a_trial_whose_model_does_not_come_holds_up_no_roll_back(hanging):
    slots = ModelSlots(lambda: Said("own"), hanging, MemoryTelemetry())
    slots.bring(ServingPlan(1, file("c2")))
    began = time.monotonic()
    assert not slots.bring(ServingPlan(2, file("c2"), file("t1")))
    assert not slots.bring(ServingPlan(3, file("c1"), file("t1")))
    assert time.monotonic() - began < 2
    assert (slots.served.version, slots.served.revision) == ("c1", 1)
    assert "t1: The model is still being loaded" in slots.served.problem
    assert slots._telemetry.of(ModelNotLoaded) == []


def test_a_model_that_comes_late_is_in_force_when_it_has_come_and_is_loaded_once(hanging):
    house = House()
    slots = ModelSlots(lambda: Said("own"), hanging, MemoryTelemetry())
    slots.bring(ServingPlan(1, file("c1")))
    house.serving.planned = ServingPlan(2, file("c1"), file("t1"), canary_cut=1.0)
    keeper = ModelKeeper(house.serving, slots, "worker a/1")
    keeper.start()
    keeper.heard(2)
    wait_for(lambda: slots.served.problem, 5)
    for _ in range(3):
        keeper.heard(2)  # with each heartbeat
    hanging.let_go.set()
    wait_for(lambda: (slots.served.revision, slots.served.problem) == (2, ""), 3)  # sooner than it would be tried again
    assert slots.deciding("bin-1").version == "t1"
    assert hanging.loaded == ["c1", "t1"]


def test_a_roll_back_does_not_wait_until_a_model_that_does_not_load_is_tried_again():
    house, shelf = House(), Shelf(Said("c1"), Said("c2", 1))
    shelf.missing = {"t1"}
    slots = ModelSlots(lambda: Said("own"), shelf, MemoryTelemetry())
    slots.bring(ServingPlan(1, file("c2")))
    house.serving.planned = ServingPlan(2, file("c2"), file("t1"))
    keeper = ModelKeeper(house.serving, slots, "worker a/1")
    keeper.start()
    keeper.heard(2)
    wait_for(lambda: slots.served.problem, 5)
    house.serving.planned = ServingPlan(3, file("c1"), file("t1"))
    keeper.heard(3)
    wait_for(lambda: slots.served.version == "c1", 2.5)
    assert len(slots._telemetry.of(ModelNotLoaded)) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux alone")
def test_loading_yields_to_deciding():
    seen = []

    def load(found):
        seen.append(os.getpriority(os.PRIO_PROCESS, get_native_id()))
        return Said(found.version)

    slots = ModelSlots(lambda: Said("own"), load, MemoryTelemetry())
    mine = os.getpriority(os.PRIO_PROCESS, get_native_id())
    slots.bring(ServingPlan(1, file("c1")))
    assert seen == [NICE]
    assert os.getpriority(os.PRIO_PROCESS, get_native_id()) == mine < NICE
