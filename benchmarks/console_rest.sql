-- What stands beside a fleet's history: its sensors, tickets, models and workers.
INSERT INTO sensors (sensor_id, first_sequence, last_sequence, missing, last_captured_at, last_event_at, last_contact_at)
SELECT DISTINCT sensor_id, 1, 1000, CASE WHEN hashtext(sensor_id) % 50 = 0 THEN '{[3,7)}'::int8multirange ELSE '{}' END, now(), now(),
    now() - make_interval(hours => abs(hashtext(sensor_id)) % 8) FROM sensor_counts;
INSERT INTO devices (sensor_id, site, generation) SELECT sensor_id, 'site-' || abs(hashtext(sensor_id)) % 40, 1 FROM sensors;
INSERT INTO alerts (kind, subject, evidence) SELECT 'sensor_faulty', sensor_id, '{"fault": "dark"}' FROM sensors WHERE hashtext(sensor_id) % 100 = 0;
INSERT INTO models (version, sha256, size_bytes, object_key, facts, metrics, added_by)
SELECT 'model-' || n, lpad(to_hex(n), 64, '0'), 1, 'k', jsonb_build_object('threshold', 0.7, 'long', repeat('x', 20000)), '{}', 'x' FROM generate_series(0, 60) AS n;
SELECT move_model('model-0', 'candidate', 'champion', 'x', 'the first');
INSERT INTO workers (owner, host, pid, version, model_version, heartbeat_at, events_per_s)
SELECT gen_random_uuid(), 'host-' || n, n, '0.1.0', 'model-0', now() + interval '1 day', 70 FROM generate_series(1, 60) AS n;
