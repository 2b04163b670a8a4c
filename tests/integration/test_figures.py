"""Figures of the fleet's state out of a real ledger, as the role that reads."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from adapters.postgres.connections import open_pool
from adapters.postgres.figures import PostgresFigures
from contracts.figures import LossCheck
from local.database import ensure_logins

_EVENT = """
INSERT INTO events (event_id, sensor_id, image_url, captured_at, sequence, schema_version, attributes, body_sha256, received_at,
    open, available_at, woken_at, lease_owner, lease_until)
SELECT %(id)s, 'bin-1', 's3://b/k', now(), 1, 1, '{}', '', now() - make_interval(secs => %(age_s)s), %(open)s,
    now() + make_interval(secs => %(due_s)s), now() - make_interval(secs => %(woken_s)s), owner, CASE WHEN owner IS NOT NULL THEN now() END
FROM (SELECT %(owner)s::uuid AS owner) o
"""


@pytest.fixture
def figures(stack, database_url, tmp_path):
    """The figures, as the monitor's login."""
    url = ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2])["reader"]
    with open_pool(url, name="monitor", max_size=1) as pool:
        yield PostgresFigures(pool)


def add(sql, *, age_s=0.0, due_s=None, woken_s=None, owner=None, is_open=True):
    """Add an event that came `age_s` ago, is due in `due_s` (at once) and was woken `woken_s` ago (when it came)."""
    event_id = uuid4()
    due_s = -age_s if due_s is None else due_s
    times = {"age_s": age_s, "due_s": due_s, "woken_s": age_s if woken_s is None else woken_s}
    sql.execute(_EVENT, {"id": event_id, "open": is_open, "owner": owner, **times})
    return event_id


def test_an_empty_ledger_has_figures(figures):
    assert figures.open_events().oldest_s is None
    assert (figures.review().open, figures.review().hours) == (0, 0)
    assert figures.sensors(60).known == 0
    assert 60 * 86_400 < figures.months_ahead_s() < 130 * 86_400


def test_open_events_are_counted_by_what_they_wait_for(figures, sql):
    add(sql, age_s=30)
    add(sql, age_s=20, owner=uuid4())
    add(sql, age_s=7200, due_s=600, woken_s=7200)  # a retry: late by no fault of anybody
    add(sql, age_s=99_999, is_open=False)
    found = figures.open_events()
    assert (found.waiting, found.in_flight, found.later, found.overdue) == (1, 1, 1, 0)
    assert found.oldest_s == pytest.approx(30, abs=5)
    assert found.woken_s == pytest.approx(30, abs=5)
    add(sql, age_s=7200, due_s=-3700, woken_s=3600)
    assert figures.open_events().overdue == 1


def test_an_event_that_is_closed_without_an_outcome_is_found_and_no_other(figures, sql):
    now = figures.now()
    assert abs((now - datetime.now(UTC)).total_seconds()) < 5
    add(sql, age_s=400)
    ended = add(sql, age_s=400, is_open=False)
    sql.execute("INSERT INTO outcomes (event_id, kind) VALUES (%s, 'prediction')", (ended,))
    add(sql, age_s=400, is_open=False)
    add(sql, age_s=30, is_open=False)
    assert figures.losses(now - timedelta(seconds=600), now - timedelta(seconds=300)) == LossCheck(checked=3, lost=1)


def test_sensors_are_counted_by_what_is_wrong_with_them(figures, sql):
    sql.execute("INSERT INTO sensors (sensor_id, last_contact_at) VALUES ('a', now()), ('b', now() - interval '1 day')")
    sql.execute("INSERT INTO sensors (sensor_id, missing) VALUES ('c', '{[3,5)}')")
    sql.execute("INSERT INTO devices (sensor_id, generation) VALUES ('a', 1), ('never', 1)")
    sql.execute("INSERT INTO alerts (kind, subject, evidence) VALUES ('sensor_faulty', 'a', '{}')")
    found = figures.sensors(3600)
    assert (found.known, found.silent, found.faulty, found.losing) == (4, 2, 1, 1)


def test_what_people_did_in_a_day_is_counted_with_the_time_it_took(figures, house):
    first, second, _ = house.file(3)
    house.says("rita", first, "glass", took_ms=4_000)
    house.says("rita", second, "glass", took_ms=9_000_000)  # somebody went to lunch
    found = figures.review()
    assert (found.open, found.closed, found.filed, found.labels) == (1, 2, 3, 2)
    assert found.work_s == pytest.approx(304)
    assert found.hours == 12
