"""Which model decides for whom, and what becomes of one that is unfit."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from adapters.memory.surroundings import MemoryTelemetry
from contracts.errors import ModelUnusable
from contracts.facts import ModelNotLoaded, ModelUnfit
from contracts.models import ServingPlan, cut_for, place_of
from tests.unit.house import House
from tests.unit.shelf import Said, Shelf, file
from worker.model_keeper import ModelKeeper
from worker.slots import ModelSlots


@pytest.fixture
def shelf():
    return Shelf(Said("c1"), Said("c2", 1), Said("t1", 2), Said("s1", 3))


@pytest.fixture
def slots(shelf):
    return ModelSlots(lambda: Said("own"), shelf, MemoryTelemetry())


SENSORS = [f"bin-{number}" for number in range(2000)]


@pytest.mark.parametrize("role", ["champion", "canary"])
def test_the_workers_own_model_is_not_taken_for_one_of_the_registry_that_bears_its_name(role):
    own, other = Said("own"), Said("own", 1)
    shelf = Shelf(other)
    slots = ModelSlots(lambda: own, shelf, MemoryTelemetry())
    shelf.missing.add("own")
    first = ServingPlan(1, file("own")) if role == "champion" else ServingPlan(1, None, file("own"))
    assert not slots.bring(first)
    shelf.missing.clear()
    assert slots.bring(first)
    assert slots.bring(ServingPlan(2, file("own")))
    assert slots.deciding("bin-1") is other


def test_without_a_champion_the_workers_own_model_decides(slots):
    slots.bring(ServingPlan())
    assert (slots.deciding("bin-1").version, slots.second("bin-1"), slots.served.problem) == ("own", None, "")


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 0.25, 0.5])
def test_the_canary_decides_for_its_share_of_the_sensors_within_a_point(slots, share):
    slots.bring(ServingPlan(1, file("c1"), file("t1"), canary_cut=cut_for(share, dict.fromkeys(SENSORS, 3), "t1")))
    decided = [slots.deciding(sensor).version for sensor in SENSORS]
    assert set(decided) == {"c1", "t1"}
    assert decided.count("t1") / len(SENSORS) == pytest.approx(share, abs=0.01)
    assert [slots.deciding(sensor).version for sensor in SENSORS] == decided


@pytest.mark.parametrize("count", [40, 300])
@pytest.mark.parametrize("share", [0.05, 0.1, 0.3, 0.5])
def test_the_share_is_one_of_events_and_not_of_sensors(count, share):
    traffic = {f"bin-{n}": 20 + n % 50 for n in range(count)}
    cut = cut_for(share, traffic, "t1")
    sent = sum(events for sensor, events in traffic.items() if place_of(sensor, "t1") < cut)
    assert sent / sum(traffic.values()) == pytest.approx(share, abs=0.01 if count > 100 else 0.03)


def test_without_any_traffic_the_share_is_the_cut():
    assert cut_for(0.2, {}, "t1") == 0.2


def test_another_canary_is_tried_on_other_sensors():
    first, second = ({sensor for sensor in SENSORS if place_of(sensor, version) < 0.1} for version in ("t1", "t2"))
    assert len(first & second) / len(first) == pytest.approx(0.1, abs=0.05)


def test_the_champion_watches_the_canary_and_the_shadow_watches_the_champion(slots):
    slots.bring(ServingPlan(1, file("c1"), file("t1"), file("s1"), canary_cut=0.3, shadow_share=0.5))
    for sensor in SENSORS:
        decides, watches = slots.deciding(sensor), slots.second(sensor)
        if decides.version == "t1":
            assert watches.version == "c1"
        else:
            assert watches is None or watches.version == "s1"


def test_what_is_loaded_already_is_not_loaded_again_when_it_is_promoted(slots, shelf):
    slots.bring(ServingPlan(1, file("c1"), file("t1")))
    slots.bring(ServingPlan(2, file("t1")))
    assert shelf.loaded == ["c1", "t1"]
    assert slots.served.version == "t1"


def test_the_own_model_is_not_taken_for_one_of_the_same_name(shelf):
    slots = ModelSlots(lambda: Said("c1", 4), shelf, MemoryTelemetry())
    slots.bring(ServingPlan())
    slots.bring(ServingPlan(1, file("c1")))
    assert slots.deciding("bin-1") is shelf.models["c1"]


def test_a_worker_that_cannot_load_a_champion_keeps_the_one_it_has_and_says_so(slots, shelf):
    slots.bring(ServingPlan(1, file("c1")))
    shelf.missing = {"c2"}
    assert not slots.bring(ServingPlan(2, file("c2")))
    assert (slots.served.version, slots.served.revision) == ("c1", 1)
    assert "away" in slots.served.problem
    assert slots._telemetry.of(ModelNotLoaded)[0].revision == 2
    shelf.missing = set()
    assert slots.bring(ServingPlan(2, file("c2")))
    assert (slots.served.version, slots.served.revision, slots.served.problem) == ("c2", 2, "")


def test_a_trial_whose_model_does_not_load_leaves_the_champion_to_decide(slots, shelf):
    shelf.missing = {"t1"}
    slots.bring(ServingPlan(1, file("c1"), file("t1"), canary_cut=0.5))
    assert {slots.deciding(sensor).version for sensor in SENSORS} == {"c1"}


def house_with(models, plan, share=0.5):
    house = House()
    house.models = ModelSlots(lambda: Said("own"), Shelf(*models), house.telemetry)
    house.serving.planned = replace(plan, canary_cut=share, shadow_share=1.0)
    house.models.bring(house.serving.planned)
    return house


@pytest.mark.parametrize(
    "canary",
    [
        Said("t1", error=ModelUnusable("inference failed")),
        Said("t1", error=ValueError("unforeseen")),
        Said("t1", best=float("nan")),
        Said("t1", best=float("inf")),
    ],
)
def test_a_canary_that_fails_harms_no_event_and_is_withdrawn(canary):
    house = house_with([Said("c1"), canary], ServingPlan(1, file("c1"), file("t1")))
    ids = [house.throw(sensor_id=f"bin-{n}") for n in range(40)]
    house.run()
    assert {house.ledger.outcomes[one].kind for one in ids} == {"prediction"}
    assert {house.ledger.outcomes[one].prediction.model_version for one in ids} == {"c1"}
    assert canary.asked == 1
    assert len(house.telemetry.of(ModelUnfit)) == 1
    keeper = ModelKeeper(house.serving, house.models, "worker a/1")
    keeper.heard(1)
    keeper.renew()
    assert [version for version, _ in house.serving.withdrawn] == ["t1"]
    keeper.heard(2)
    keeper.renew()
    assert (house.models.served.revision, house.models.benched, house.models.in_force.canary) == (2, {}, None)


def test_each_event_is_decided_with_the_threshold_of_the_model_that_decides_it():
    house = house_with([Said("c1", threshold=0.95), Said("t1", threshold=0.5)], ServingPlan(1, file("c1"), file("t1")))
    ids = [house.throw(sensor_id=f"bin-{n}") for n in range(40)]
    house.run()
    ended = {(house.ledger.outcomes[one].prediction.model_version, house.ledger.outcomes[one].kind.value) for one in ids}
    assert ended == {("c1", "review"), ("t1", "prediction")}


def test_where_the_canary_decides_the_champions_opinion_is_kept_and_where_not_the_shadows():
    models = [Said("c1", 0), Said("t1", 1), Said("s1", 2, best=0.6)]
    house = house_with(models, ServingPlan(1, file("c1"), file("t1"), file("s1")))
    ids = {house.throw(sensor_id=f"bin-{n}") for n in range(40)}
    house.run()
    decided = {one: house.ledger.outcomes[one].prediction.model_version for one in ids}
    said = {one.event_id: (one.model_version, one.kind.value) for one in house.serving.opinions}
    assert said == {one: ("c1", "prediction") if decided[one] == "t1" else ("s1", "review") for one in ids}


def test_a_shadow_that_fails_is_withdrawn_and_nothing_else_happens():
    house = house_with([Said("c1"), Said("s1", error=ValueError("odd"))], ServingPlan(1, file("c1"), None, file("s1")))
    ids = [house.throw() for _ in range(10)]
    house.run()
    assert {house.ledger.outcomes[one].kind for one in ids} == {"prediction"}
    assert house.models.benched.keys() == {"s1"}
    assert not house.serving.opinions


def test_a_model_on_trial_that_is_far_slower_is_unfit(slots, shelf):
    slots.bring(ServingPlan(1, file("c1"), file("t1"), canary_cut=0.5))
    for _ in range(64):
        slots.took(shelf.models["c1"], 4.0)
        slots.took(shelf.models["t1"], 12.0)
    assert not slots.benched
    for _ in range(64):
        slots.took(shelf.models["t1"], 25.0)
    assert "with the champion 4.0" in slots.benched["t1"]
    assert {slots.deciding(sensor).version for sensor in SENSORS} == {"c1"}


def test_a_plan_that_still_names_an_unfit_model_does_not_bring_it_back(slots, shelf):
    slots.bring(ServingPlan(1, file("c1"), file("t1"), canary_cut=0.5))
    slots.unfit(shelf.models["t1"], "odd")
    slots.bring(ServingPlan(2, file("c1"), file("t1"), canary_cut=0.5))
    assert slots.in_force.canary is None


def test_a_champion_is_never_unfit(slots, shelf):
    slots.bring(ServingPlan(1, file("c1"), file("t1")))
    assert slots.unfit(shelf.models["c1"], "odd") is None
    assert slots.deciding("bin-1")


def test_no_event_sees_half_of_a_plan_while_plans_are_exchanged(slots):
    plans = [ServingPlan(n, file("c1" if n % 2 else "c2"), file("t1" if n % 2 else "s1"), canary_cut=0.5) for n in range(300)]
    slots.bring(plans[0])
    pairs = {("c1", "t1"), ("c2", "s1")}

    def look(_):
        for _ in range(2000):
            now = slots.in_force
            assert (now.champion.version, now.canary.version) in pairs

    with ThreadPoolExecutor(2) as pool:
        looking = pool.map(look, range(2))
        for plan in plans:
            slots.bring(plan)
        list(looking)
