"""A fleet's history as rows, for tests of the console and reports: what it would have written, by SQL alone."""

from datetime import UTC, datetime

from psycopg.types.json import Jsonb

from adapters.postgres.history import PostgresHistory
from contracts.categories import CATEGORIES
from tests.conftest import wait_for

_EVENTS = """
CREATE TEMP TABLE made AS
SELECT gen.at AS captured_at, gen.at + make_interval(secs => 0.3 + 4 * random() ^ 3) AS decided_at,
    (overlay(first_event_id(gen.at)::text placing '7' from 15 for 1)::uuid) AS base, 'bin-' || (1 + floor(random() * %(sensors)s))::int AS sensor_id,
    n, random() AS luck, random() AS pick, random() AS spread
FROM (SELECT now() - make_interval(secs => 10 + random() ^ %(recent)s * %(days)s * 86400) AS at, n FROM generate_series(1, %(events)s) AS n) gen;
ALTER TABLE made ADD event_id uuid;
UPDATE made SET event_id = (left(base::text, 19) || 'a' || lpad(to_hex(n), 3, '0') || '-' || lpad(to_hex((random() * 281474976710655)::bigint), 12, '0'))::uuid
    WHERE n < 4096;
UPDATE made SET event_id = (left(base::text, 19) || 'b' || lpad(to_hex(n %% 4096), 3, '0') || '-' || lpad(to_hex((random() * 281474976710655)::bigint), 12, '0'))::uuid
    WHERE n >= 4096;
ALTER TABLE made ADD category text, ADD confidence real, ADD kind text, ADD reason text;
UPDATE made SET category = (%(categories)s::text[])[CASE WHEN pick < 0.34 THEN 1 WHEN pick < 0.55 THEN 2 WHEN pick < 0.72 THEN 3 WHEN pick < 0.84 THEN 4 ELSE 5 END],
    confidence = 1 - 0.6 * spread ^ (CASE WHEN pick < 0.34 THEN 5 WHEN pick < 0.55 THEN 3 WHEN pick < 0.72 THEN 4 ELSE 2.4 END);
UPDATE made SET kind = CASE WHEN luck < 0.012 THEN 'failure' WHEN luck < 0.02 OR confidence < 0.7 THEN 'review' ELSE 'prediction' END,
    reason = CASE WHEN luck < 0.012 THEN (ARRAY['image_missing', 'image_unreadable', 'poison'])[1 + n %% 3] WHEN luck < 0.02 THEN 'out_of_distribution' WHEN confidence < 0.7 THEN 'low_confidence' END;
INSERT INTO events (event_id, sensor_id, image_url, captured_at, sequence, schema_version, attributes, body_sha256, received_at, open)
SELECT event_id, sensor_id, 's3://waste-images/' || sensor_id || '/' || n || '.jpg', captured_at, n, 1, '{}', '', captured_at + interval '200 ms', false FROM made;
INSERT INTO outcomes (event_id, kind, sensor_id, captured_at, reason, attempts, decided_at, dead_letter)
SELECT event_id, kind, sensor_id, captured_at, reason, 1, decided_at, CASE WHEN kind <> 'prediction' THEN jsonb_build_object('decided_at', decided_at) END FROM made;
INSERT INTO predictions (event_id, model_version, category, confidence, plastic, paper, glass, metal, organic, queued_ms, fetch_ms, decode_ms,
    inference_ms, record_ms, processing_time_ms, predicted_at, outlier_score)
SELECT event_id, CASE WHEN captured_at < now() - interval '12 days' THEN 'waste-lite0-0.1.0' ELSE 'waste-lite0-0.2.0' END, category, confidence,
    CASE category WHEN 'plastic' THEN confidence ELSE (1 - confidence) / 4 END, CASE category WHEN 'paper' THEN confidence ELSE (1 - confidence) / 4 END,
    CASE category WHEN 'glass' THEN confidence ELSE (1 - confidence) / 4 END, CASE category WHEN 'metal' THEN confidence ELSE (1 - confidence) / 4 END,
    CASE category WHEN 'organic' THEN confidence ELSE (1 - confidence) / 4 END,
    extract(epoch FROM decided_at - captured_at) * 1000 - 60, 20 + 30 * spread, 6, 14, 2, 50, decided_at, 0.1 + 0.2 * spread
FROM made WHERE kind <> 'failure';
INSERT INTO review_items (event_id, reason, sensor_id, image_url, captured_at, category, confidence, scores, model_version, decided_at, filed_at, state, resolved,
    closed_at, outlier_score, sampling_probability)
SELECT event_id, coalesce(reason, 'audit_sample'), sensor_id, 's3://waste-images/' || sensor_id || '/' || n || '.jpg', captured_at, category, confidence, '{}',
    'm', decided_at, decided_at, CASE WHEN n %% 4 > 0 THEN 'labelled' ELSE 'open' END,
    CASE WHEN n %% 4 > 0 THEN CASE WHEN pick * 7 - floor(pick * 7) < CASE WHEN kind = 'review' THEN 0.6 ELSE 0.95 END THEN category ELSE 'glass' END END,
    CASE WHEN n %% 4 > 0 THEN least(now(), decided_at + interval '5 hours') END, 0.2, CASE WHEN kind = 'prediction' THEN 0.1 END
FROM made WHERE kind = 'review' OR (kind = 'prediction' AND n %% 10 = 0);
INSERT INTO ground_truth (truth_id, sensor_id, observed_at, category, source, match, event_id, joined_at)
SELECT gen_random_uuid(), sensor_id, captured_at, CASE WHEN pick * 11 - floor(pick * 11) < 0.9 THEN category ELSE 'paper' END, 'north', 'matched', event_id, now()
FROM made WHERE kind <> 'failure' AND n %% 23 = 0 AND captured_at < now() - interval '2 days';
INSERT INTO sensors (sensor_id, first_sequence, last_sequence, missing, last_captured_at, last_event_at, last_contact_at, next_sequence, report)
SELECT sensor_id, 1, max(n), CASE WHEN sensor_id = 'bin-3' THEN '{[7,10),[20,21)}'::int8multirange ELSE '{}' END, max(captured_at), max(captured_at),
    CASE WHEN sensor_id = 'bin-4' THEN now() - interval '3 days' ELSE now() - interval '5 min' END, max(n) + 1,
    '{"version": "0.1.0", "spooled": 0, "clock_s": 0.2}' FROM made GROUP BY 1;
INSERT INTO devices (sensor_id, site, generation) SELECT sensor_id, 'site-' || (n_sites %% 3), 1
FROM (SELECT sensor_id, row_number() OVER (ORDER BY sensor_id) AS n_sites FROM sensors) s;
INSERT INTO devices (sensor_id, site, generation) VALUES ('bin-new', 'site-9', 1);
"""
_REST = """
INSERT INTO accounts (name, role) VALUES ('rita', 'reviewer'), ('rolf', 'reviewer');
INSERT INTO labels (label_id, event_id, account_id, choice, purpose, origin, labelled_at, took_ms)
SELECT gen_random_uuid(), event_id, account_id, resolved, 'review', 'desk', closed_at, 1200 + 4000 * random()
FROM review_items, accounts WHERE state = 'labelled' AND name = 'rita';
INSERT INTO labels (label_id, event_id, account_id, choice, purpose, origin, labelled_at, took_ms)
SELECT gen_random_uuid(), event_id, account_id, CASE WHEN random() < 0.9 THEN resolved ELSE 'metal' END, 'late', 'desk', closed_at, 1500 + 3000 * random()
FROM review_items, accounts WHERE state = 'labelled' AND name = 'rolf' AND random() < 0.1;
INSERT INTO worker_hours (hour, version, model_version, worker_s)
SELECT hour, CASE WHEN hour < now() - interval '9 days' THEN '0.0.9' ELSE '0.1.0' END, 'waste-lite0-0.2.0', 7200
FROM generate_series(date_trunc('hour', now()) - interval '40 days', now(), '1 hour') AS hour;
INSERT INTO workers (owner, host, pid, version, model_version, started_at, heartbeat_at, decided_last_minute, events_per_s)
VALUES (gen_random_uuid(), 'plant-a', 311, '0.1.0', 'waste-lite0-0.2.0', now() - interval '3 days', now(), 840, 71.5),
    (gen_random_uuid(), 'plant-b', 87, '0.1.0', 'waste-lite0-0.2.0', now() - interval '40 min', now(), 790, 68.2),
    (gen_random_uuid(), 'plant-c', 12, '0.0.9', 'waste-lite0-0.1.0', now() - interval '9 days', now() - interval '2 hours', 0, 0);
INSERT INTO models (version, sha256, size_bytes, object_key, facts, added_by, added_at, state)
SELECT 'waste-lite0-0.' || n || '.0', repeat(to_hex(n), 64), 22000000, 'models/x.onnx', '{"threshold": 0.7}', 'olga', now() - make_interval(days => 40 - n * 10), 'candidate'
FROM generate_series(1, 3) AS n;
INSERT INTO alerts (kind, subject, fired_at, evidence) VALUES
    ('sensor_faulty', 'bin-2', now() - interval '5 hours', '{"fault": "dark", "since": "2026-01-01T00:00:00+00:00"}'),
    ('shifted', 'category', now() - interval '30 hours', '{"index": 0.31, "most": "glass", "decisions": 3000, "decisions_before": 12000}');
"""


def fill(sql, *, events=6000, days=40, sensors=12, recent=1.1):
    """Let a fleet have been at work for some days; the larger `recent`, the more of it was lately."""
    values = {"events": events, "days": days, "sensors": sensors, "recent": recent, "categories": list(CATEGORIES)}
    sql.execute("SELECT setseed(0.3)")
    for statement in _EVENTS.split(";\n"):
        if statement.strip():
            sql.execute(statement, values)
    for statement in _REST.split(";\n"):
        if statement.strip():
            sql.execute(statement)
    sql.execute("SELECT move_model('waste-lite0-0.1.0', 'candidate', 'champion', 'olga', 'the first one')")
    sql.execute("SELECT move_model('waste-lite0-0.2.0', 'candidate', 'champion', 'olga', 'labels say that it is better')")
    sql.execute(
        "INSERT INTO trainings (asked_by, because, state, ended_at, version, report) VALUES ('slow loop', 'thirty days have passed', 'registered', now(), %s, %s)",
        ("waste-lite0-0.3.0", Jsonb({})),
    )
    sql.execute(
        "UPDATE model_transitions SET acted_at = now() - CASE transition_id WHEN 1 THEN interval '30 days' ELSE interval '12 days' END"
    )
    sql.execute("UPDATE rolling SET seen_through = now() - make_interval(days => %s), mark_at = NULL, mark_xid = NULL", (days + 1,))
    sql.execute("DROP TABLE made")


def roll_up(rollups):
    """Count it all, labels too."""
    catch_up(rollups)
    for _ in range(61):
        rollups.count_labels()


def catch_up(rollups):
    """Count up to now; who else has a transaction open at this moment, as autovacuum may, is waited for."""
    began, history = datetime.now(UTC), PostgresHistory(rollups._pool)
    while rollups.roll():
        pass
    wait_for(lambda: not rollups.roll() and history.through() >= began, 60, "that all is counted")
