REVOKE UPDATE ON ground_truth, alerts, trainings FROM waste_learning;
GRANT UPDATE (match, event_id, distance_s, joined_at) ON ground_truth TO waste_learning;
GRANT UPDATE (evidence, resolved_at, told_fired_at, told_resolved_at) ON alerts TO waste_learning;
GRANT UPDATE (state, step, progress, attempts, cancelled_by, started_at, beat_at, ended_at, snapshot_id, version, report) ON trainings
    TO waste_learning;
