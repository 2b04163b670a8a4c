"""A sick camera is a ticket, closed by itself, and what it sends counts neither for the model nor for its training."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from adapters.http.webhook import Webhook
from adapters.memory.surroundings import ManualClock, MemoryTelemetry
from adapters.postgres.accuracy import PostgresAccuracy
from adapters.postgres.alerts import PostgresAlerts
from adapters.postgres.pictures import PostgresPictures
from contracts.accuracy import Dimension, Histogram
from contracts.categories import CATEGORIES
from learning.truth.camera_watch import CameraWatch
from learning.truth.watch import AccuracyWatch
from tests.makers import a_picture

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
PICTURES = 30
BINS = [f"bin-{number}" for number in range(1, 7)]
DIRTY = {"sharpness": 0.1}


class Fleet:
    """Six bins, whose days pass as they are told."""

    def __init__(self, plant):
        pool = plant.pools["learning"]
        self.plant, self.chance = plant, random.Random(4)
        self.clock, self.telemetry = ManualClock(TODAY - timedelta(days=20)), MemoryTelemetry()
        self.alerts, self.decisions, self.history = PostgresAlerts(pool), PostgresAccuracy(pool, CATEGORIES), PostgresPictures(pool)
        self.cameras = CameraWatch(self.history, self.alerts, self.clock, self.telemetry)
        self.accuracy = AccuracyWatch(self.decisions, self.alerts, Webhook(None), self.clock, self.telemetry)

    def day(self, wrong=0.05, **sick):
        """Let a day pass: `sick` bins (bin_3=...) see otherwise and are always wrong; plants tell of all."""
        for sensor in BINS:
            changes = sick.get(sensor.replace("-", "_"))
            pictures = [self._picture(changes or {}) for _ in range(PICTURES)]
            seconds = [number * 2800.0 + 60 for number in range(PICTURES)]
            self.plant.decided(*seconds, sensor=sensor, day=self.clock.now, pictures=pictures)
            bad = PICTURES if changes else round(wrong * PICTURES)
            for part, category in ((seconds[:bad], "glass"), (seconds[bad:], "plastic")):
                if part:
                    self.plant.tell(*part, category=category, day=self.clock.now, sensor_id=sensor)
        self.clock.now += timedelta(days=1)
        self.plant.join()

    def days(self, count, **sick):
        for _ in range(count):
            self.day(**sick)

    def tickets(self):
        self.cameras.look()
        return {one.subject: one.evidence["fault"] for one in self.alerts.standing("sensor_faulty")}

    def _picture(self, changes):
        facts = {"brightness": 0.3, "sharpness": 0.2, "entropy": 4.0} | changes
        noisy = {name: value * self.chance.uniform(0.9, 1.1) for name, value in facts.items() if name != "brim"}
        brim = facts.get("brim") or bytes(self.chance.randint(58, 70) for _ in range(36))
        return a_picture(**noisy, brim=brim)


@pytest.fixture
def fleet(plant):
    return Fleet(plant)


def test_a_ticket_opens_once_and_ends_by_itself_when_the_bin_is_as_before(fleet, sql):
    fleet.days(7)
    assert fleet.tickets() == {}
    fleet.day(bin_3=DIRTY)
    for _ in range(3):
        assert fleet.tickets() == {"bin-3": "lens_dirty"}
    began = fleet.clock.now - timedelta(days=1)
    assert sql.execute("SELECT sensor_id, since, until FROM suspect_periods").fetchall() == [("bin-3", began, None)]
    fleet.days(8, bin_3=DIRTY)  # longer than it was healthy: what is sick never becomes usual
    assert fleet.tickets() == {"bin-3": "lens_dirty"}
    fleet.day()
    assert fleet.tickets() == {}
    assert fleet.tickets() == {}
    (ticket,) = [one for one in fleet.alerts.recent(9) if one.kind == "sensor_faulty"]
    assert ticket.resolved_at is not None
    assert ticket.evidence["sharpness"] == pytest.approx([0.19, 0.095], abs=0.01)
    opened = [fact for fact in fleet.telemetry.facts if type(fact).__name__ == "AlertOpened" and fact.kind == "sensor_faulty"]
    assert len(opened) == 1


def test_one_sick_bin_with_wrong_answers_fires_no_accuracy_alert_and_shifts_nothing(fleet, sql):
    fleet.days(7)
    fleet.days(4, bin_3={"brim": bytes([30, 90] * 18)})
    assert fleet.tickets() == {"bin-3": "camera_moved"}
    fleet.clock.now += timedelta(days=1)
    assert not fleet.accuracy.look().fires
    assert not any(shift.warns for shift in fleet.accuracy.warn().values())
    assert {one.kind for one in fleet.alerts.recent(9)} == {"sensor_faulty"}
    sql.execute("DELETE FROM alerts")
    assert fleet.accuracy.look().fires  # the same labels, were there no ticket


def test_what_a_sick_bin_sent_counts_again_only_for_what_people_ask(fleet):
    fleet.days(7)
    fleet.day(bin_3={"brightness": 0.1})
    assert fleet.tickets() == {"bin-3": "bin_dark"}
    window = (fleet.clock.now - timedelta(days=1), fleet.clock.now)

    def count(**how):
        return sum(one.decided for one in fleet.decisions.strata(*window, Dimension.ALL, **how))

    assert (count(), count(healthy=True)) == (6 * PICTURES, 5 * PICTURES)
    assert sum(one.decided for one in fleet.decisions.buckets(*window)) == 5 * PICTURES
    assert sum(fleet.decisions.histogram(*window, Histogram.CATEGORY).values()) == 5 * PICTURES


def test_what_befalls_the_whole_fleet_is_drift_and_no_ticket(fleet):
    fleet.days(7)
    fleet.day(**{sensor.replace("-", "_"): DIRTY for sensor in BINS})
    assert fleet.tickets() == {}
    (alert,) = fleet.alerts.standing("shifted")
    assert (alert.subject, alert.evidence["sharpness"]) == ("pictures", pytest.approx(-0.69, abs=0.05))


def test_half_a_fleet_at_once_is_no_ticket_either(fleet):
    fleet.days(7)
    fleet.day(bin_1=DIRTY, bin_2=DIRTY, bin_3=DIRTY)
    assert fleet.tickets() == {}
    assert [one.subject for one in fleet.alerts.standing("shifted")] == ["pictures"]
    fleet.day()
    fleet.cameras.look()
    assert fleet.alerts.standing("shifted") == []


def test_what_somebody_accepts_is_usual_from_then_on(fleet, sql):
    moved = {"brim": bytes([30, 90] * 18)}
    fleet.days(7)
    fleet.day(bin_3=moved)
    assert fleet.tickets() == {"bin-3": "camera_moved"}
    assert fleet.cameras.accept("bin-3", "ada")
    assert not fleet.cameras.accept("bin-3", "ada")
    sql.execute("UPDATE alerts SET resolved_at = %s", (fleet.clock.now,))
    fleet.days(8, bin_3=moved)
    assert fleet.tickets() == {}
    fleet.day()
    assert fleet.tickets() == {"bin-3": "camera_moved"}


def test_a_bin_with_few_pictures_or_a_short_past_is_not_judged(fleet):
    fleet.days(4)
    fleet.day(bin_3=DIRTY)
    assert fleet.tickets() == {}
    assert not fleet.cameras.look().changes
    fleet.days(2)
    fleet.plant.decided(*range(19), sensor="bin-9", day=fleet.clock.now - timedelta(hours=1), pictures=[a_picture()] * 19)
    assert "bin-9" not in {one.sensor_id for one in fleet.cameras.look().changes}


def test_a_day_that_came_late_is_summed_up_anew(fleet, sql):
    fleet.days(2)
    fleet.history.sum_up(fleet.clock.now, 28)
    fleet.plant.decided(90_000, sensor="bin-3", day=fleet.clock.now - timedelta(days=2))
    fleet.history.sum_up(fleet.clock.now, 28)
    counts = sql.execute("SELECT pictures FROM sensor_days WHERE sensor_id = 'bin-3' ORDER BY day").fetchall()
    assert counts == [(PICTURES,), (PICTURES + 1,)]


def test_tickets_can_be_listed_as_people_do(fleet, stack, database_url, tmp_path):
    from tests.integration.test_truth_commands import truth

    run = truth.__wrapped__(fleet.plant, stack, database_url, tmp_path)
    assert run("sensors").stdout == "no sensor has a ticket\n"
    fleet.days(7)
    fleet.day(bin_3=DIRTY)
    fleet.tickets()
    assert "bin-3   lens_dirty" in run("sensors").stdout
    (ticket,) = json.loads(run("sensors", "--json").stdout)
    assert ticket["evidence"]["fault"] == "lens_dirty"
    assert "faulty: bin-3 lens_dirty" in run("look", code=3 if fleet.accuracy.look().fires else 0).stdout
    assert run("sensors", "--accept", "bin-3").stdout.startswith("bin-3: what it shows")
    run("sensors", "--accept", "bin-3", code=1)
