"""Months go when their time is over and all in them has ended, whole and in nobody's way."""

import threading
import time
from datetime import UTC, date, datetime

import psycopg
import pytest

from contracts.ids import uuid7
from migrations.maintain import maintain
from migrations.months import months_before
from waste.__main__ import main

TODAY = date(2044, 6, 10)
OLD = datetime(2044, 1, 15, tzinfo=UTC)


@pytest.fixture
def months(sql):
    """Make the months that migrations from February to June 2044 would have made; returns what makes ids of a moment."""
    for month in range(1, 10):
        sql.execute("SELECT create_month(%s)", (date(2044, month, 1),))
    numbers = iter(range(1000))
    return lambda moment: uuid7(moment, next(numbers).to_bytes(10, "big"))


def add_event(sql, event_id, *, is_open=False):
    sql.execute(
        "INSERT INTO events (event_id, sensor_id, image_url, captured_at, sequence, schema_version, attributes, body_sha256, open)"
        " VALUES (%s, 'a', 'b', now(), 0, 1, '{}', '', %s)",
        (event_id, is_open),
    )


def add_outcome(sql, event_id, *, published=True, filed="labelled"):
    sql.execute(
        "INSERT INTO outcomes (event_id, kind, reason, dead_letter, published_at) VALUES (%s, 'review', 'x', '{}', %s)",
        (event_id, datetime.now(UTC) if published else None),
    )
    if filed:
        sql.execute(
            "INSERT INTO review_items (event_id, sensor_id, captured_at, image_url, reason, decided_at, category, confidence, scores,"
            " model_version, state) VALUES (%s, 'a', now(), 'b', 'x', now(), 'glass', 0.5, '{}', 'm', %s)",
            (event_id, filed),
        )


def parts_of(sql, table="events"):
    found = sql.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE %s", (f"{table}_2044_%",))
    return sorted(name[-2:] for (name,) in found)


def test_months_past_their_time_go_whole_and_the_coming_ones_are_made(sql, database_url, months):
    for month in (1, 2, 3, 4, 6):
        event_id = months(datetime(2044, month, 5, tzinfo=UTC))
        add_event(sql, event_id)
        add_outcome(sql, event_id)
    done = maintain(database_url, TODAY, 3)
    assert {month for month in done.dropped if month.year == 2044} == {date(2044, month, 1) for month in (1, 2, 3)}
    for table in ("events", "outcomes", "predictions"):
        assert parts_of(sql, table) == ["04", "05", "06", "07", "08", "09"]
    assert sql.execute("SELECT count(*) FROM events").fetchone() == (2,)
    assert sql.execute("SELECT count(*) FROM outcomes").fetchone() == (2,)
    assert str(maintain(database_url, TODAY, 3)) == "no month was past its retention"


def test_without_a_retention_nothing_is_dropped(sql, database_url, months):
    assert not maintain(database_url, TODAY, None).dropped
    assert parts_of(sql)[:3] == ["01", "02", "03"]


def test_rollups_by_sensor_and_by_hour_go_after_400_days_and_days_of_the_fleet_stay(sql, database_url, months):
    days = [date(2043, 5, 5), date(2043, 5, 6), date(2043, 5, 7), TODAY]
    for day in days:
        sql.execute(
            "INSERT INTO sensor_counts VALUES ('a', %s, 1, 0, 0, 0, 0.9, now()), ('b', %s, 1, 0, 0, 0, 0.9, now())", [day] * 2
        )
        for table, when in (("decision_hours", f"{day}T00:00:00Z"), ("decision_hours", f"{day}T23:00:00Z"), ("decision_days", day)):
            columns = f"({table[9:-1]}, kind, reason, category, model_version, decided, confidence_sum, confidences, latencies)"
            sql.execute(
                f"INSERT INTO {table} {columns} VALUES (%s, 'prediction', '', 'glass', 'm', 1, 0.9, '{{}}', '{{}}')", [when]
            )
        sql.execute("INSERT INTO worker_hours VALUES (%s, 'v', 'm', 60)", [f"{day}T00:00:00Z"])
    maintain(database_url, TODAY, None)
    for table, column in (("sensor_counts", "day"), ("decision_hours", "hour"), ("worker_hours", "hour")):
        found = sql.execute(f"SELECT DISTINCT ({column} AT TIME ZONE 'UTC')::date FROM {table} ORDER BY 1").fetchall()
        assert [day for (day,) in found] == days[2:]
    assert sql.execute("SELECT count(*) FROM decision_days").fetchone() == (4,)


@pytest.mark.parametrize("unfinished", ["event", "letter", "item", "failure", "letter in no lane"])
def test_a_month_stays_while_anything_in_it_has_not_ended(sql, database_url, months, unfinished):
    event_id = months(OLD)
    add_event(sql, event_id, is_open=unfinished == "event")
    if unfinished != "event":
        filed = {"item": "open", "letter in no lane": None}.get(unfinished, "labelled")
        add_outcome(sql, event_id, published=unfinished != "letter", filed=filed)
    if unfinished == "failure":
        sql.execute(
            "INSERT INTO failures (event_id, reason, detail, attempts, decided_at) VALUES (%s, 'x', '', 1, now())", (event_id,)
        )
    done = maintain(database_url, TODAY, 3)
    assert date(2044, 1, 1) in done.kept
    assert done.kept[date(2044, 1, 1)].startswith("1 ")
    assert parts_of(sql)[0] == "01"
    assert date(2044, 2, 1) in done.dropped
    assert sql.execute("SELECT count(*) FROM events").fetchone() == (1,)


def test_what_is_said_of_an_event_goes_with_it_and_what_is_said_of_others_stays(sql, database_url, months):
    gone, kept, stuck, lying = (
        months(OLD),
        months(datetime(2044, 6, 2, tzinfo=UTC)),
        months(datetime(2044, 2, 2, tzinfo=UTC)),
        months(datetime(1971, 1, 1, tzinfo=UTC)),
    )
    for event_id in (gone, kept, stuck, lying):
        add_event(sql, event_id, is_open=event_id == stuck)
        sql.execute(
            "INSERT INTO shadow_predictions (event_id, model_version, category, confidence, kind, inference_ms)"
            " VALUES (%s, 'm', 'glass', 0.5, 'review', 1)",
            (event_id,),
        )
    maintain(database_url, TODAY, 3)
    left = {event_id for (event_id,) in sql.execute("SELECT event_id FROM shadow_predictions")}
    assert left == {kept, stuck, lying}


def test_a_long_reader_holds_the_end_of_a_month_up_and_nobody_behind_it(sql, database_url, months):
    add_event(sql, months(OLD))
    waits = []
    with psycopg.connect(database_url) as reader:
        reader.execute("SELECT count(*) FROM events").fetchone()
        maintenance = threading.Thread(target=maintain, args=(database_url, TODAY, 3))
        maintenance.start()
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            began = time.monotonic()
            add_event(sql, months(datetime(2044, 6, 3, tzinfo=UTC)))
            waits.append(time.monotonic() - began)
            time.sleep(0.01)
        assert parts_of(sql)[0] == "01"
    maintenance.join(20)
    assert not maintenance.is_alive()
    assert parts_of(sql)[0] == "04"
    assert 0.2 < max(waits) < 1.0


def test_months_are_told_apart_from_other_tables(sql, database_url, months):
    sql.execute("CREATE TABLE events_2044_01_copy ()")
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert [month for month in months_before(connection, date(2044, 3, 1)) if month.year == 2044] == [
            date(2044, 1, 1),
            date(2044, 2, 1),
        ]


def test_a_failure_that_was_redriven_and_is_filed_again_goes_and_one_that_is_not_yet_stays(sql, database_url, months):
    decided = datetime(2044, 6, 1, tzinfo=UTC)
    for moment, filed in ((OLD, decided), (datetime(2044, 2, 3, tzinfo=UTC), OLD)):
        event_id = months(moment)
        add_event(sql, event_id)
        sql.execute(
            "INSERT INTO outcomes (event_id, kind, reason, dead_letter, published_at) VALUES (%s, 'failure', 'x', %s, now())",
            (event_id, f'{{"decided_at": "{decided.isoformat()}"}}'),
        )
        sql.execute(
            "INSERT INTO failure_rounds (event_id, decided_at, reason, detail, attempts) VALUES (%s, %s, 'x', '', 1)",
            (event_id, filed),
        )
    done = maintain(database_url, TODAY, 3)
    assert date(2044, 1, 1) in done.dropped
    assert done.kept == {date(2044, 2, 1): "1 dead letters are in no lane"}


def test_what_somebody_has_detached_is_no_month_of_the_ledger_any_more(sql, database_url, months):
    for table in ("events", "outcomes", "predictions"):
        sql.execute(f"ALTER TABLE {table} DETACH PARTITION {table}_2044_01")
    sql.execute("ALTER TABLE events DETACH PARTITION events_2044_02")
    done = maintain(database_url, TODAY, 3)
    assert date(2044, 1, 1) not in done.dropped
    assert done.kept == {date(2044, 2, 1): "events_2044_02 is no partition of this month alone; what is left of it goes by hand"}
    assert parts_of(sql)[:3] == ["01", "02", "04"]
    assert parts_of(sql, "outcomes")[:3] == ["01", "02", "04"]


def test_a_month_with_a_gap_or_bounds_of_somebodys_own_stays_and_holds_no_other_up(sql, database_url, months):
    sql.execute("DROP TABLE outcomes_2044_01, predictions_2044_02, predictions_2044_03")
    sql.execute(
        "CREATE TABLE predictions_2044_02 PARTITION OF predictions"
        " FOR VALUES FROM (first_event_id('2044-02-01')) TO (first_event_id('2044-04-01'))"
    )
    sql.execute("CREATE SCHEMA archive CREATE TABLE events_2043_01 (x int)")
    sql.execute("CREATE TABLE events_2044_13 (x int)")
    done = maintain(database_url, date(2044, 7, 10), 4)
    assert {month.month: why.partition(" ")[0] for month, why in done.kept.items()} == {
        1: "outcomes_2044_01",
        2: "predictions_2044_02",
        3: "predictions_2044_03",
    }
    assert parts_of(sql, "predictions")[:2] == ["01", "02"]
    assert "events_2044_10" in {f"events_2044_{part}" for part in parts_of(sql)}


def test_a_reader_who_holds_one_month_up_is_not_waited_for_at_each(sql, database_url, months, monkeypatch):
    monkeypatch.setattr("migrations.months._TRIES", 3)
    with psycopg.connect(database_url) as reader:
        reader.execute("SELECT count(*) FROM events").fetchone()
        began = time.monotonic()
        done = maintain(database_url, TODAY, 3)
    assert time.monotonic() - began < 6
    assert not done.dropped
    assert {why for month, why in done.kept.items() if month.year == 2044} == {"the ledger is too busy; try again later"}


@pytest.mark.parametrize("wrong", ["2", "0", "-1", "x", "3.5", "999999", "99999999999"])
def test_a_number_of_months_that_is_none_is_refused_in_a_line(database_url, monkeypatch, wrong, capsys):
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("LEDGER_MONTHS", wrong)
    assert main(["db", "maintain"]) == 2
    assert "LEDGER_MONTHS" in capsys.readouterr().err
