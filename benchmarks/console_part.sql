-- A part of a fleet's history: events that came one after the other, as %(step)s seconds lie between them.
WITH made AS MATERIALIZED (
    SELECT at AS captured_at, at + make_interval(secs => 0.4 + 3 * random() ^ 4) AS decided_at, n,
        (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n %% 4096), 3, '0') || 'a000'
            || lpad(to_hex(n), 12, '0'))::uuid AS event_id,
        'bin-' || lpad((random() * %(sensors)s)::int::text, 5, '0') AS sensor_id, random() AS luck, random() AS spread,
        (%(categories)s::text[])[1 + floor(random() ^ 1.4 * 5)::int] AS category
    FROM (SELECT %(begin)s::timestamptz + make_interval(secs => (n - %(first)s) * %(step)s) AS at, n
        FROM generate_series(%(first)s::bigint, %(last)s::bigint - 1) AS n) g
), told AS MATERIALIZED (
    SELECT *, (1 - 0.6 * spread ^ 4)::real AS confidence, CASE WHEN luck < 0.01 THEN 'failure' WHEN luck < 0.02 OR spread > 0.85 THEN 'review'
        ELSE 'prediction' END AS kind FROM made
), seen AS (
    INSERT INTO events (event_id, sensor_id, image_url, captured_at, sequence, schema_version, attributes, body_sha256, received_at, open)
    SELECT event_id, sensor_id, 's3://waste-images/' || sensor_id || '/' || n || '.jpg', captured_at, n, 1, '{}',
        '\x0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', captured_at + interval '200 ms', false FROM told
), ended AS (
    INSERT INTO outcomes (event_id, kind, sensor_id, captured_at, reason, attempts, decided_at, dead_letter)
    SELECT event_id, kind, sensor_id, captured_at,
        CASE kind WHEN 'failure' THEN 'image_missing' WHEN 'review' THEN CASE WHEN luck < 0.02 THEN 'out_of_distribution' ELSE 'low_confidence' END END,
        1, decided_at, CASE WHEN kind <> 'prediction' THEN jsonb_build_object('decided_at', decided_at) END FROM told
), filed AS (
    INSERT INTO review_items (event_id, reason, sensor_id, image_url, captured_at, category, confidence, scores, model_version, decided_at,
        filed_at, state, resolved, closed_at, sampling_probability)
    SELECT event_id, CASE kind WHEN 'review' THEN 'low_confidence' ELSE 'audit_sample' END, sensor_id, 's3://waste-images/' || n || '.jpg',
        captured_at, category, confidence, '{}', 'm', decided_at, decided_at, CASE WHEN luck < 0.9 THEN 'labelled' ELSE 'open' END,
        CASE WHEN luck < 0.9 THEN CASE WHEN spread < 0.95 THEN category ELSE 'glass' END END,
        CASE WHEN luck < 0.9 THEN decided_at + interval '6 hours' END, CASE WHEN kind = 'prediction' THEN 0.01 END
    FROM told WHERE kind <> 'failure' AND n %% 40 = 0
)
INSERT INTO predictions (event_id, model_version, category, confidence, plastic, paper, glass, metal, organic, queued_ms, fetch_ms, decode_ms,
    inference_ms, record_ms, processing_time_ms, predicted_at, outlier_score, brightness, sharpness, entropy, brim, sketch)
SELECT event_id, 'model-' || (n / %(per_model)s), category, confidence, 0.1, 0.1, 0.1, 0.1, 0.1, 300, 20, 6, 14, 2, 40, decided_at, 0.2, 0.4, 0.2, 5,
    repeat('a', 36)::bytea, repeat('b', 16)::bytea FROM told WHERE kind <> 'failure'
