CREATE TABLE ground_truth (
    truth_id     uuid        PRIMARY KEY,
    sensor_id    text        NOT NULL,
    observed_at  timestamptz NOT NULL,
    category     text        NOT NULL CHECK (category IN ('plastic', 'paper', 'glass', 'metal', 'organic')),
    source       text        NOT NULL,
    claimed      uuid,
    batch        text,
    reference    text,
    received_at  timestamptz NOT NULL DEFAULT now(),
    match        text        CHECK (match IN ('matched', 'ambiguous', 'unmatched')),
    event_id     uuid,
    distance_s   real,
    joined_at    timestamptz,
    CHECK ((match = 'matched') <= (event_id IS NOT NULL)),
    CHECK ((match IS NULL) = (joined_at IS NULL))
) WITH (fillfactor = 70);
COMMENT ON TABLE ground_truth IS 'what plants say was in the bin; the columns from match on are found out by joining, and may be found anew';
COMMENT ON COLUMN ground_truth.claimed IS 'the event that the plant says it was';
COMMENT ON COLUMN ground_truth.event_id IS 'the event that it was found to be, or would be if that were not ambiguous';
COMMENT ON COLUMN ground_truth.distance_s IS 'observed_at minus the event''s captured_at, in seconds';
CREATE INDEX ground_truth_by_sensor ON ground_truth (sensor_id, observed_at);
CREATE UNIQUE INDEX ground_truth_by_event ON ground_truth (event_id, source) WHERE match = 'matched';
CREATE INDEX ground_truth_new ON ground_truth (received_at) WHERE match IS NULL;
CREATE INDEX ground_truth_alone ON ground_truth (joined_at) WHERE match <> 'matched';
CREATE INDEX ground_truth_by_batch ON ground_truth (source, batch);

CREATE TABLE truth_imports (
    import_id   uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    source      text        NOT NULL,
    name        text        NOT NULL,
    imported_at timestamptz NOT NULL DEFAULT now(),
    new         integer     NOT NULL,
    repeated    integer     NOT NULL,
    rejected    integer     NOT NULL,
    problems    jsonb       NOT NULL DEFAULT '[]'
);
CREATE INDEX truth_imports_by_name ON truth_imports (name);
COMMENT ON TABLE truth_imports IS 'deliveries of labels, with the first of the rows that were not taken and why';

DO $$ BEGIN
    CREATE ROLE waste_learning NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
GRANT SELECT ON events, outcomes, predictions, review_items, labels, standing_labels, gold, devices, sensors TO waste_learning;
GRANT SELECT, INSERT, UPDATE ON ground_truth TO waste_learning;
GRANT SELECT, INSERT ON truth_imports TO waste_learning;
GRANT SELECT (truth_id, sensor_id, observed_at, category, source, claimed, reference), INSERT ON ground_truth TO waste_gateway;
GRANT INSERT ON truth_imports TO waste_gateway;
GRANT SELECT ON ground_truth, truth_imports TO waste_reader;

CREATE TABLE alerts (
    alert_id    uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    kind        text        NOT NULL,
    subject     text        NOT NULL DEFAULT '',
    fired_at    timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    evidence    jsonb       NOT NULL,
    told_fired_at    timestamptz,
    told_resolved_at timestamptz
);
COMMENT ON TABLE alerts IS 'what people have to be told, once, until it is over';
CREATE UNIQUE INDEX alerts_open ON alerts (kind, subject) WHERE resolved_at IS NULL;
CREATE INDEX alerts_by_time ON alerts (fired_at);
GRANT SELECT, INSERT, UPDATE ON alerts TO waste_learning;
GRANT SELECT ON alerts TO waste_reader;

ALTER TABLE review_items ADD COLUMN contested_at timestamptz;
COMMENT ON COLUMN review_items.contested_at IS 'when a plant said otherwise than people did: one more of them is asked, once';
GRANT UPDATE (state, wanted, resolved, closed_at, contested_at) ON review_items TO waste_learning;
