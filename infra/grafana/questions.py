"""What dashboards ask of the ledger, as the role waste_reader; none reads the great tables of events."""

MODELS = "SELECT version, state, parent, added_at, added_by FROM models ORDER BY added_at DESC LIMIT 50"
MOVES = """
SELECT acted_at, version, before, after, actor, because FROM model_transitions ORDER BY transition_id DESC LIMIT 50
"""
LABELS_AN_HOUR = """
SELECT $__timeGroupAlias(labelled_at, '1h'), count(*) AS labels FROM standing_labels
WHERE $__timeFilter(labelled_at) GROUP BY 1 ORDER BY 1
"""
PEOPLE = """
SELECT a.name, count(*) AS labels, round((percentile_cont(0.5) WITHIN GROUP (ORDER BY l.took_ms) / 1000)::numeric, 1) AS median_s
FROM standing_labels l JOIN accounts a USING (account_id) WHERE l.labelled_at > now() - interval '7 days' GROUP BY 1 ORDER BY 2 DESC
"""
SILENT = """
SELECT coalesce(s.sensor_id, d.sensor_id) AS sensor, d.site, s.last_contact_at
FROM sensors s FULL JOIN devices d ON d.sensor_id = s.sensor_id ORDER BY s.last_contact_at NULLS FIRST LIMIT 50
"""
MISSING = """
SELECT sensor_id AS sensor, count_of(missing) AS missing, given_up FROM sensors
WHERE NOT isempty(missing) OR given_up > 0 ORDER BY 2 DESC LIMIT 50
"""
FAULTY = """
SELECT subject AS sensor, evidence->>'fault' AS fault, fired_at FROM alerts
WHERE kind = 'sensor_faulty' AND resolved_at IS NULL ORDER BY fired_at LIMIT 50
"""
