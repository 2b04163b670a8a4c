-- The ledger: an event is open until it has its one outcome. Times are UTC; ids are UUIDv7, so that a range of ids is
-- a range of time, a month is a partition, and a clock that lies lands in the default partition.

CREATE TABLE events (
    event_id       uuid        NOT NULL,
    sensor_id      text        NOT NULL,
    image_url      text        NOT NULL,
    captured_at    timestamptz NOT NULL,
    sequence       bigint      NOT NULL,
    schema_version smallint    NOT NULL,
    attributes     jsonb       NOT NULL,
    body_sha256    bytea       NOT NULL,
    received_at    timestamptz NOT NULL DEFAULT now(),
    open           boolean     NOT NULL DEFAULT true,
    attempts       smallint    NOT NULL DEFAULT 0,
    losses         smallint    NOT NULL DEFAULT 0,
    available_at   timestamptz NOT NULL DEFAULT now(),
    woken_at       timestamptz NOT NULL DEFAULT now(),
    lease_owner    uuid,
    lease_until    timestamptz,
    last_reason    text,
    PRIMARY KEY (event_id),
    CHECK ((lease_owner IS NULL) = (lease_until IS NULL)),
    CHECK (open OR lease_owner IS NULL)
) PARTITION BY RANGE (event_id);
COMMENT ON COLUMN events.woken_at IS 'when the last wake-up for it was sent; before available_at: a retry that nobody woke yet';
COMMENT ON COLUMN events.losses IS 'how often the holder of its lease vanished';
CREATE INDEX events_by_sensor ON events (sensor_id, captured_at);
CREATE INDEX events_open ON events (available_at) WHERE open;
CREATE INDEX events_postponed ON events (available_at) WHERE open AND woken_at < available_at;

CREATE TABLE event_conflicts (
    event_id    uuid        NOT NULL,
    body_sha256 bytea       NOT NULL,
    sensor_id   text        NOT NULL,
    image_url   text        NOT NULL,
    captured_at timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, body_sha256)
);
COMMENT ON TABLE event_conflicts IS 'the same event_id with other content: the first came in, this one did not';

CREATE TABLE outcomes (
    event_id     uuid        NOT NULL,
    kind         text        NOT NULL CHECK (kind IN ('prediction', 'review', 'failure')),
    sensor_id    text,
    captured_at  timestamptz,
    reason       text,
    detail       text        NOT NULL DEFAULT '',
    attempts     smallint    NOT NULL DEFAULT 0,
    decided_at   timestamptz NOT NULL DEFAULT now(),
    dead_letter  jsonb,
    published_at timestamptz,
    PRIMARY KEY (event_id),
    CHECK ((kind = 'prediction') = (dead_letter IS NULL)),
    CHECK ((kind = 'prediction') = (reason IS NULL))
) PARTITION BY RANGE (event_id);
COMMENT ON TABLE outcomes IS 'the one end of each event: this primary key is what makes it one';
CREATE INDEX outcomes_by_sensor ON outcomes (sensor_id, captured_at);
CREATE INDEX outcomes_review_by_age ON outcomes (decided_at) WHERE kind = 'review';
CREATE INDEX outcomes_unpublished ON outcomes (decided_at) WHERE dead_letter IS NOT NULL AND published_at IS NULL;

CREATE TABLE predictions (
    event_id           uuid        NOT NULL,
    model_version      text        NOT NULL,
    category           text        NOT NULL,
    confidence         real        NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    plastic            real        NOT NULL,
    paper              real        NOT NULL,
    glass              real        NOT NULL,
    metal              real        NOT NULL,
    organic            real        NOT NULL,
    queued_ms          real        NOT NULL,
    fetch_ms           real        NOT NULL,
    decode_ms          real        NOT NULL,
    inference_ms       real        NOT NULL,
    record_ms          real        NOT NULL,
    processing_time_ms real        NOT NULL,
    predicted_at       timestamptz NOT NULL DEFAULT now(),
    outlier_score      real,
    PRIMARY KEY (event_id),
    CHECK (category IN ('plastic', 'paper', 'glass', 'metal', 'organic'))
) PARTITION BY RANGE (event_id);

CREATE TABLE workers (
    owner           uuid        PRIMARY KEY,
    host            text        NOT NULL,
    pid             integer     NOT NULL,
    version         text        NOT NULL,
    model_version   text        NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT now(),
    heartbeat_at    timestamptz NOT NULL DEFAULT now(),
    passed_woken_at timestamptz,
    draining        boolean     NOT NULL DEFAULT false
);

CREATE TABLE revocations (
    sensor_id       text        PRIMARY KEY,
    revoked_through integer     NOT NULL CHECK (revoked_through >= 1),
    revoked_at      timestamptz NOT NULL DEFAULT now(),
    note            text        NOT NULL DEFAULT ''
);
COMMENT ON TABLE revocations IS 'credentials of this sensor up to and including this generation are refused';

CREATE TABLE review_items (
    event_id      uuid        PRIMARY KEY,
    reason        text        NOT NULL,
    sensor_id     text        NOT NULL,
    image_url     text        NOT NULL,
    captured_at   timestamptz NOT NULL,
    category      text        NOT NULL,
    confidence    real        NOT NULL,
    scores        jsonb       NOT NULL,
    model_version text        NOT NULL,
    decided_at    timestamptz NOT NULL,
    filed_at      timestamptz NOT NULL DEFAULT now(),
    state         text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'labelled', 'skipped')),
    outlier_score real
);
CREATE INDEX review_items_open_by_age ON review_items (decided_at) WHERE state = 'open';

CREATE TABLE failures (
    event_id    uuid        PRIMARY KEY,
    reason      text        NOT NULL,
    detail      text        NOT NULL,
    attempts    smallint    NOT NULL,
    sensor_id   text,
    image_url   text,
    captured_at timestamptz,
    claimed     jsonb,
    raw         bytea,
    decided_at  timestamptz NOT NULL,
    filed_at    timestamptz NOT NULL DEFAULT now(),
    state       text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'redriven', 'discarded'))
);
CREATE INDEX failures_open_by_reason ON failures (reason, decided_at) WHERE state = 'open';

CREATE TABLE events_default PARTITION OF events DEFAULT WITH (fillfactor = 70);
CREATE TABLE outcomes_default PARTITION OF outcomes DEFAULT;
CREATE TABLE predictions_default PARTITION OF predictions DEFAULT;

CREATE FUNCTION first_event_id(moment timestamptz) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
COMMENT ON FUNCTION first_event_id IS 'the least UUIDv7 of a moment: ids from here on were made then or later';

CREATE FUNCTION create_month(month date) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    first   uuid := first_event_id(date_trunc('month', month::timestamp) AT TIME ZONE 'UTC');
    beyond  uuid := first_event_id((date_trunc('month', month::timestamp) + interval '1 month') AT TIME ZONE 'UTC');
    parent  text;
    part    text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['events', 'outcomes', 'predictions'] LOOP
        part := parent || to_char(month, '_YYYY_MM');
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, parent);
        IF parent = 'events' THEN
            EXECUTE format('ALTER TABLE %I SET (fillfactor = 70)', part);
        END IF;
        -- What a lying clock put into the default partition for this month moves, or the month could not be attached.
        EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', parent || '_default');
        EXECUTE format('WITH moved AS (DELETE FROM %I WHERE event_id >= $1 AND event_id < $2 RETURNING *)
                        INSERT INTO %I SELECT * FROM moved', parent || '_default', part) USING first, beyond;
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, part, first, beyond);
    END LOOP;
END $$;
COMMENT ON FUNCTION create_month IS 'makes the month''s partitions unless they are there';

-- A role a program. Each login user of a program is a member of one of them.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['waste_intake', 'waste_worker', 'waste_review', 'waste_reader'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles belong to the cluster; another database of it made this one
        END;
    END LOOP;
END $$;

GRANT SELECT, INSERT ON events, outcomes, event_conflicts TO waste_intake;
GRANT UPDATE (woken_at) ON events TO waste_intake;
GRANT UPDATE (seen_at) ON event_conflicts TO waste_intake;
GRANT UPDATE (published_at) ON outcomes TO waste_intake;
GRANT SELECT ON workers TO waste_intake;
GRANT DELETE ON workers TO waste_intake;
GRANT SELECT, INSERT, UPDATE ON revocations TO waste_intake;

GRANT SELECT ON events, outcomes TO waste_worker;
GRANT UPDATE (open, attempts, losses, available_at, lease_owner, lease_until, last_reason) ON events TO waste_worker;
GRANT INSERT ON outcomes, predictions TO waste_worker;
GRANT UPDATE (published_at) ON outcomes TO waste_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON workers TO waste_worker;

GRANT SELECT ON events, outcomes, predictions TO waste_review;
GRANT SELECT, INSERT, UPDATE ON review_items, failures TO waste_review;

GRANT SELECT ON ALL TABLES IN SCHEMA public TO waste_reader;
