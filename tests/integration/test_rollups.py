"""Rollups say what the ledger says, each outcome once, whatever happens to it and however late it is committed."""

import random
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from adapters.postgres.rollups import PostgresRollups
from contracts.accounts import Actor
from contracts.categories import CATEGORIES, Category
from contracts.labels import Choice
from contracts.names import OutcomeKind
from contracts.outcomes import Latencies, Prediction
from contracts.rollups import LATENCY_BOUNDS_S, quantile
from migrations.maintain import maintain
from tests.console_data import catch_up
from tests.desk_house import scores_of
from tests.makers import an_event, an_outcome

ACTOR = Actor("olga", "here")
HOURS = """
WITH happened AS (
    SELECT decided_at, kind, coalesce(reason, '') AS reason, coalesce(category, '') AS category, coalesce(model_version, '') AS model,
        confidence::float8 AS confidence, captured_at, sensor_id
    FROM outcomes LEFT JOIN predictions USING (event_id)
    UNION ALL
    SELECT (outcome->>'decided_at')::timestamptz, kind, outcome->>'reason', '', '', NULL, (outcome->>'captured_at')::timestamptz,
        outcome->>'sensor_id' FROM redriven_outcomes, (VALUES ('failure'), ('redriven')) k (kind)
)
"""
BY_HOUR = f"{HOURS} SELECT date_trunc('hour', decided_at), kind, reason, category, model, count(*), round(coalesce(sum(confidence), 0)::numeric, 6) FROM happened GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
ROLLED_BY_HOUR = "SELECT hour, kind, reason, category, model_version, decided, round(confidence_sum::numeric, 6) FROM decision_hours ORDER BY 1, 2, 3, 4, 5"
BY_DAY = BY_HOUR.replace("date_trunc('hour', decided_at)", "coalesce(captured_at, decided_at)::date")
ROLLED_BY_DAY = ROLLED_BY_HOUR.replace("hour,", "day,").replace("decision_hours", "decision_days")
BY_SENSOR = f"{HOURS} SELECT sensor_id, captured_at::date, count(*) FILTER (WHERE confidence IS NOT NULL), count(*) FILTER (WHERE kind = 'review'), count(*) FILTER (WHERE kind = 'failure'), count(*) FILTER (WHERE kind = 'redriven'), max(decided_at) FROM happened WHERE sensor_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
ROLLED_BY_SENSOR = "SELECT sensor_id, day, decided, reviews, failures, redriven, last_at FROM sensor_counts ORDER BY 1, 2"
BY_MINUTE = f"{HOURS} SELECT date_trunc('minute', decided_at), count(*) FILTER (WHERE kind = 'prediction'), count(*) FILTER (WHERE kind = 'review'), count(*) FILTER (WHERE kind = 'failure'), count(*) FILTER (WHERE kind = 'redriven') FROM happened GROUP BY 1 ORDER BY 1"
ROLLED_BY_MINUTE = "SELECT minute, predictions, reviews, failures, redriven FROM flow_minutes WHERE predictions + reviews + failures > 0 ORDER BY 1"
CONFIDENCES = "SELECT category, least(floor(confidence::float8 * 20), 19)::int AS bin, count(*)::int FROM predictions GROUP BY 1, 2 ORDER BY 1, 2"
ROLLED_CONFIDENCES = "SELECT category, (bin - 1)::int, sum(n)::int FROM decision_hours, unnest(confidences) WITH ORDINALITY u (n, bin) GROUP BY 1, 2 HAVING sum(n) > 0 ORDER BY 1, 2"
LABELS = """
SELECT captured_at::date, kind, category, model_version, count(*), count(*) FILTER (WHERE actual = category) FROM (
    SELECT o.captured_at, o.kind, p.category, p.model_version, coalesce(
        (SELECT min(g.category) FROM ground_truth g WHERE g.event_id = o.event_id AND match = 'matched' HAVING count(DISTINCT g.category) = 1),
        (SELECT resolved FROM review_items r WHERE r.event_id = o.event_id AND state = 'labelled' AND resolved = ANY(%s)
            AND NOT EXISTS (SELECT FROM ground_truth g WHERE g.event_id = o.event_id AND match = 'matched'))) AS actual
    FROM outcomes o JOIN predictions p USING (event_id)) k
WHERE actual IS NOT NULL GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
ROLLED_LABELS = "SELECT day, kind, category, model_version, sum(labelled)::int, sum(right_ones)::int FROM decision_days GROUP BY 1, 2, 3, 4 HAVING sum(labelled) > 0 ORDER BY 1, 2, 3, 4"


@pytest.fixture
def from_long_ago(house):
    house.sql.execute("UPDATE rolling SET seen_through = now() - interval '1 hour'")


def assert_equal(sql):
    for raw, rolled in (
        (BY_HOUR, ROLLED_BY_HOUR),
        (BY_DAY, ROLLED_BY_DAY),
        (BY_SENSOR, ROLLED_BY_SENSOR),
        (BY_MINUTE, ROLLED_BY_MINUTE),
        (CONFIDENCES, ROLLED_CONFIDENCES),
    ):
        assert sql.execute(rolled).fetchall() == sql.execute(raw).fetchall(), rolled


def decide(house, chance, count, kind=OutcomeKind.PREDICTION, reason=None):
    """Let the fleet see and decide so many; return the outcomes."""
    now = datetime.now(UTC)
    events = [
        house.event(now=now - timedelta(hours=chance.uniform(0, 60)), sensor_id=f"bin-{chance.randrange(5)}") for _ in range(count)
    ]
    outcomes = [an_outcome(event, kind, reason) for event in events]
    if kind != OutcomeKind.FAILURE:
        outcomes = [replace(one, prediction=_guess(chance), latencies=Latencies(1000.0, 20.0, 3.0, 9.0, 1.0)) for one in outcomes]
    assert len(house.worker.record(outcomes, uuid4())) == count
    return outcomes


def _guess(chance):
    category, confidence = chance.choice(list(Category)), round(chance.uniform(0.2, 1.0), 2)
    scores = tuple(scores_of(category, confidence)[one.value] for one in CATEGORIES)
    return Prediction(scores, category, confidence, chance.choice(["m1", "m2"]), 0.25)


def test_rollups_equal_what_the_ledger_has_after_all_that_can_happen(house, from_long_ago):
    chance = random.Random(4)
    decide(house, chance, 60)
    decide(house, chance, 20, OutcomeKind.REVIEW)
    decide(house, chance, 5, OutcomeKind.REVIEW, "out_of_distribution")
    failed = decide(house, chance, 9, OutcomeKind.FAILURE)
    house.desk.letters.file([one.dead_letter for one in failed])
    refused = replace(an_outcome(an_event(), OutcomeKind.FAILURE, "signature_invalid"), sensor_id=None, captured_at=None)
    house.intake.accept([], [refused])
    house.desk.failures.redrive([one.event_id for one in failed[:2]], ACTOR, 1e6)  # before anybody counted them
    catch_up(house.rollups)
    assert_equal(house.sql)

    house.desk.failures.redrive([one.event_id for one in failed[2:5]], ACTOR, 1e6)
    again = replace(failed[0], reason="poison")
    house.worker.record([again], uuid4())
    house.worker.record(
        [replace(an_outcome(an_event()), event_id=one.event_id, prediction=_guess(chance)) for one in failed[1:4]], uuid4()
    )
    decide(house, chance, 7)
    catch_up(house.rollups)
    catch_up(PostgresRollups(house.pools["review"], CATEGORIES, grace_s=0.0))
    assert_equal(house.sql)
    ((came,),) = house.sql.execute("SELECT sum(received) FROM flow_minutes").fetchall()
    assert came == 60 + 20 + 5 + 9 + 7 + 5  # opened again is received again


def test_what_is_committed_late_is_counted(house, database_url, from_long_ago):
    event = house.event()
    with psycopg.connect(database_url) as slow:
        slow.execute(
            "INSERT INTO outcomes (event_id, kind, sensor_id, captured_at) VALUES (%s, 'prediction', 'a', now())", (event.event_id,)
        )
        slow.execute(
            "INSERT INTO predictions (event_id, model_version, category, confidence, plastic, paper, glass, metal, organic, queued_ms,"
            " fetch_ms, decode_ms, inference_ms, record_ms, processing_time_ms) VALUES (%s, 'm', 'glass', 0.7, 0, 0, 0.7, 0, 0, 1, 1, 1, 1, 1, 1)",
            (event.event_id,),
        )
        for _ in range(2):
            for _ in range(5):
                house.rollups.roll()
            decide(house, random.Random(1), 2)
        assert house.sql.execute("SELECT count(*) FROM decision_hours").fetchone() == (0,)
    catch_up(house.rollups)
    assert_equal(house.sql)
    assert house.sql.execute("SELECT sum(decided) FROM decision_hours").fetchone() == (5,)


def test_labels_of_people_and_plants_are_counted_and_counted_anew(house, from_long_ago):
    chance = random.Random(7)
    reviewed = decide(house, chance, 30, OutcomeKind.REVIEW)
    sure = decide(house, chance, 20)
    house.desk.letters.file([replace_guess(one) for one in reviewed])
    catch_up(house.rollups)
    for one in reviewed[:20]:
        house.says("rita", one.event_id, chance.choice([Choice.GLASS, Choice.PAPER, Choice.EMPTY]))
    for one in sure[:10] + reviewed[15:18]:
        _plant_says(house, one, "north", one.prediction.category)
    _plant_says(house, sure[0], "south", "glass" if sure[0].prediction.category != "glass" else "metal")
    _count_all_labels(house)
    found = house.sql.execute(LABELS, (list(CATEGORIES),)).fetchall()
    assert found
    assert house.sql.execute(ROLLED_LABELS).fetchall() == found
    house.sql.execute("DELETE FROM ground_truth")
    _count_all_labels(house)
    found = house.sql.execute(LABELS, (list(CATEGORIES),)).fetchall()
    assert house.sql.execute(ROLLED_LABELS).fetchall() == found


def replace_guess(outcome):
    guess = {"category": outcome.prediction.category, "confidence": outcome.prediction.confidence}
    return outcome.dead_letter.model_copy(update=guess)


def _plant_says(house, outcome, source, category):
    house.sql.execute(
        "INSERT INTO ground_truth (truth_id, sensor_id, observed_at, category, source, match, event_id, joined_at)"
        " VALUES (%s, %s, %s, %s, %s, 'matched', %s, now())",
        (uuid4(), outcome.sensor_id, outcome.captured_at, category, source, outcome.event_id),
    )


def _count_all_labels(house):
    for _ in range(61):
        house.rollups.count_labels()


def test_rollups_outlive_the_months_that_they_were_counted_from(house, database_url, from_long_ago):
    decide(house, random.Random(2), 5)
    catch_up(house.rollups)
    before = house.sql.execute(ROLLED_BY_HOUR).fetchall()
    later = (datetime.now(UTC) + timedelta(days=200)).date()
    assert maintain(database_url, later, 3).dropped
    assert house.sql.execute("SELECT count(*) FROM predictions").fetchone() == (0,)
    catch_up(house.rollups)
    assert house.sql.execute(ROLLED_BY_HOUR).fetchall() == before


def test_a_failure_that_was_taken_back_by_a_clock_that_was_set_back_is_counted(house, from_long_ago):
    (failed,) = decide(house, random.Random(6), 1, OutcomeKind.FAILURE)
    house.desk.letters.file([failed.dead_letter])
    house.desk.failures.redrive([failed.event_id], ACTOR, 1e6)
    house.sql.execute("UPDATE redriven_outcomes SET redriven_at = (outcome->>'decided_at')::timestamptz - interval '9 s'")
    house.sql.execute("UPDATE rolling SET seen_through = (SELECT max(redriven_at) FROM redriven_outcomes) - interval '1 s'")
    house.sql.execute("UPDATE rolling SET mark_at = seen_through + interval '3 s', mark_xid = pg_current_xact_id()")
    catch_up(house.rollups)
    assert_equal(house.sql)


def test_all_is_counted_anew_as_the_manual_says(house, from_long_ago):
    chance = random.Random(8)
    decide(house, chance, 20)
    failed = decide(house, chance, 4, OutcomeKind.FAILURE)
    house.desk.letters.file([one.dead_letter for one in failed])
    house.desk.failures.redrive([one.event_id for one in failed[:2]], ACTOR, 1e6)
    catch_up(house.rollups)
    before = [
        house.sql.execute(rolled).fetchall() for rolled in (ROLLED_BY_HOUR, ROLLED_BY_DAY, ROLLED_BY_SENSOR, ROLLED_BY_MINUTE)
    ]
    house.sql.execute("TRUNCATE decision_hours")
    house.sql.execute("UPDATE rolling SET seen_through = now() + interval '1 hour'")
    (manual,) = re.findall(r"```sql\n(BEGIN;.*?)```", Path("docs/console.md").read_text(), re.DOTALL)
    house.sql.execute(manual)
    catch_up(house.rollups)
    assert [
        house.sql.execute(rolled).fetchall() for rolled in (ROLLED_BY_HOUR, ROLLED_BY_DAY, ROLLED_BY_SENSOR, ROLLED_BY_MINUTE)
    ] == before
    assert_equal(house.sql)


def test_two_that_roll_at_once_count_nothing_twice(house, database_url, from_long_ago):
    decide(house, random.Random(3), 10)
    catch_up(house.rollups)
    with psycopg.connect(database_url) as other:
        other.execute("SELECT FROM rolling FOR UPDATE")
        assert not house.rollups.roll()
        assert house.rollups.count_labels() == 0
    assert_equal(house.sql)


def test_the_time_of_live_workers_is_counted_by_what_they_run(house):
    house.sql.execute(
        "INSERT INTO workers (owner, host, pid, version, model_version, heartbeat_at) SELECT gen_random_uuid(), 'h', n, '0.1.0', 'm1',"
        " now() + CASE n WHEN 3 THEN interval '-1 min' ELSE interval '1 min' END FROM generate_series(1, 3) n"
    )
    house.rollups.roll()
    house.sql.execute("DELETE FROM worker_hours")
    house.sql.execute("UPDATE rolling SET workers_at = now() - interval '20 s'")
    catch_up(house.rollups)
    ((version, model, seconds),) = house.sql.execute(
        "SELECT version, model_version, sum(worker_s) FROM worker_hours GROUP BY 1, 2"
    ).fetchall()
    assert (version, model) == ("0.1.0", "m1")
    assert 40 <= seconds < 50
    house.sql.execute("UPDATE rolling SET workers_at = now() - interval '20 h'")
    catch_up(house.rollups)
    ((more,),) = house.sql.execute("SELECT sum(worker_s) FROM worker_hours").fetchall()
    assert 160 <= more < 175  # a minute of two workers beside


def test_a_latency_lies_in_its_bin(house, from_long_ago):
    decide(house, random.Random(5), 20)
    house.sql.execute("UPDATE outcomes SET captured_at = decided_at - make_interval(secs => 1.7)")
    catch_up(house.rollups)
    begins = max(bound for bound in LATENCY_BOUNDS_S if bound <= 1.7)
    for (counts,) in house.sql.execute(
        "SELECT latencies FROM decision_days UNION ALL SELECT latencies FROM flow_minutes"
    ).fetchall():
        assert begins <= quantile(counts, 0.5) <= begins * 2**0.5
