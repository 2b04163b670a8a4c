"""Months go when their time is over and all in them has ended, whole and in nobody's way."""

import threading
import time
from datetime import UTC, date, datetime

import psycopg
import pytest

from contracts.ids import uuid7
from migrations.maintain import maintain
from migrations.months import months_before

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


def add_outcome(sql, event_id, *, published=True):
    sql.execute(
        "INSERT INTO outcomes (event_id, kind, reason, dead_letter, published_at) VALUES (%s, 'review', 'x', '{}', %s)",
        (event_id, datetime.now(UTC) if published else None),
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


@pytest.mark.parametrize("unfinished", ["event", "letter", "item", "failure"])
def test_a_month_stays_while_anything_in_it_has_not_ended(sql, database_url, months, unfinished):
    event_id = months(OLD)
    add_event(sql, event_id, is_open=unfinished == "event")
    if unfinished != "event":
        add_outcome(sql, event_id, published=unfinished != "letter")
    if unfinished == "item":
        sql.execute(
            "INSERT INTO review_items (event_id, sensor_id, captured_at, image_url, reason, decided_at, category, confidence, scores, model_version)"
            " VALUES (%s, 'a', now(), 'b', 'x', now(), 'glass', 0.5, '{}', 'm')",
            (event_id,),
        )
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
