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
CREATE INDEX events_by_time ON events USING brin (received_at) WITH (autosummarize = true);

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
    brightness         real,
    sharpness          real,
    entropy            real,
    brim               bytea    CHECK (length(brim) = 36),
    sketch             bytea    CHECK (length(sketch) = 16),
    PRIMARY KEY (event_id),
    CHECK (category IN ('plastic', 'paper', 'glass', 'metal', 'organic'))
) PARTITION BY RANGE (event_id);
COMMENT ON COLUMN predictions.sharpness IS 'how much neighbouring pixels differ; with brightness and entropy it tells a sick camera from a new kind of waste';
COMMENT ON COLUMN predictions.brim IS 'colours along the edge of the picture: twelve cells of red, green, blue; 64 is the mean of the whole picture';
COMMENT ON COLUMN predictions.sketch IS 'what the model sees in the picture: its features along sixteen random directions, 128 is none and 32 are one';
CREATE INDEX predictions_by_time ON predictions USING brin (predicted_at) WITH (autosummarize = true);

CREATE TABLE workers (
    owner           uuid        PRIMARY KEY,
    host            text        NOT NULL,
    pid             integer     NOT NULL,
    version         text        NOT NULL,
    model_version   text        NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT now(),
    heartbeat_at    timestamptz NOT NULL DEFAULT now(),
    passed_woken_at timestamptz,
    draining        boolean     NOT NULL DEFAULT false,
    revision        bigint      NOT NULL DEFAULT 0,
    model_problem   text        NOT NULL DEFAULT '',
    decided_last_minute integer NOT NULL DEFAULT 0,
    events_per_s    real        NOT NULL DEFAULT 0
);
COMMENT ON COLUMN workers.events_per_s IS 'decided for each second in which it had a wake-up in hand; 0: not measured yet';
COMMENT ON COLUMN workers.revision IS 'of what is to be served: the last that this worker has in force';
COMMENT ON COLUMN workers.model_problem IS 'why it serves another model than it should';

CREATE TABLE revocations (
    sensor_id       text        PRIMARY KEY,
    revoked_through integer     NOT NULL CHECK (revoked_through >= 0),
    revoked_at      timestamptz NOT NULL DEFAULT now(),
    note            text        NOT NULL DEFAULT '',
    next_through    integer     CHECK (next_through >= 1),
    next_from       timestamptz,
    CONSTRAINT revocations_next CHECK ((next_through IS NULL) = (next_from IS NULL))
);
COMMENT ON TABLE revocations IS 'credentials of this sensor up to and including this generation are refused';
COMMENT ON COLUMN revocations.next_from IS 'from then on next_through is refused too: the overlap of a rotation ends';

CREATE VIEW refused_generations AS
    SELECT sensor_id, greatest(revoked_through, CASE WHEN next_from <= now() THEN next_through END) AS through
    FROM revocations;
COMMENT ON VIEW refused_generations IS 'up to which generation a sensor''s credentials are refused now';

CREATE TABLE devices (
    sensor_id  text        PRIMARY KEY,
    site       text        NOT NULL DEFAULT '',
    generation integer     NOT NULL CHECK (generation BETWEEN 1 AND 9999),
    added_at   timestamptz NOT NULL DEFAULT now(),
    note       text        NOT NULL DEFAULT ''
);
COMMENT ON COLUMN devices.site IS 'the place or fleet it belongs to';
CREATE INDEX devices_by_site ON devices (site, sensor_id);

CREATE TABLE accounts (
    account_id    uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    name          text        NOT NULL CHECK (name <> '' AND length(name) <= 100),
    role          text        NOT NULL CHECK (role IN ('reviewer', 'ops', 'admin')),
    password_hash text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    disabled_at   timestamptz
);
COMMENT ON COLUMN accounts.password_hash IS 'Argon2id; NULL: enters by link, token or proxy alone';
CREATE UNIQUE INDEX accounts_by_name ON accounts (lower(name));

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
    outlier_score real,
    wanted               smallint NOT NULL DEFAULT 1 CHECK (wanted BETWEEN 1 AND 3),
    informativeness      real     NOT NULL DEFAULT 0.5,
    sampling_probability real     CHECK (sampling_probability > 0 AND sampling_probability <= 1),
    lease_account        uuid     REFERENCES accounts,
    lease_desk           uuid,
    lease_until          timestamptz,
    resolved             text     CHECK (resolved IN ('plastic', 'paper', 'glass', 'metal', 'organic', 'empty', 'several', 'cannot_tell')),
    closed_at            timestamptz,
    contested_at         timestamptz,
    CHECK ((reason = 'audit_sample') = (sampling_probability IS NOT NULL))
);
COMMENT ON COLUMN review_items.wanted IS 'labels of different people until it is closed';
COMMENT ON COLUMN review_items.lease_desk IS 'the open page that holds it: one person may have two';
COMMENT ON COLUMN review_items.sampling_probability IS 'with which a confident prediction came into the audit sample';
CREATE INDEX review_items_open_by_age ON review_items (decided_at) WHERE state = 'open';
CREATE INDEX review_items_open_by_informativeness ON review_items (informativeness DESC, event_id) WHERE state = 'open';
CREATE INDEX review_items_open_by_sensor ON review_items (sensor_id, decided_at) WHERE state = 'open';
CREATE INDEX review_items_by_sensor ON review_items (sensor_id, captured_at);
CREATE INDEX review_items_closed ON review_items (closed_at) WHERE state = 'labelled';
CREATE INDEX review_items_filed ON review_items (filed_at);
CREATE INDEX review_items_leased ON review_items (lease_desk) WHERE lease_desk IS NOT NULL;

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
    state       text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'redriven', 'discarded')),
    closed_at    timestamptz,
    closed_by    text,
    close_reason text NOT NULL DEFAULT '',
    rounds       smallint NOT NULL DEFAULT 1
);
COMMENT ON COLUMN failures.rounds IS 'how often this event has failed: once, and once more after each redrive in vain';
CREATE INDEX failures_open_by_reason ON failures (reason, decided_at) WHERE state = 'open';
CREATE INDEX failures_open_by_age ON failures (decided_at) WHERE state = 'open';
CREATE INDEX failures_by_claimed_id ON failures ((claimed->>'event_id')) WHERE claimed IS NOT NULL;

CREATE TABLE events_default PARTITION OF events DEFAULT WITH (fillfactor = 70);
CREATE TABLE outcomes_default PARTITION OF outcomes DEFAULT;
CREATE TABLE predictions_default PARTITION OF predictions DEFAULT;
CREATE INDEX outcomes_failures_by_age ON outcomes (decided_at) WHERE kind = 'failure';

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
GRANT SELECT (event_id, predicted_at) ON predictions TO waste_intake;
GRANT DELETE ON workers TO waste_intake;
GRANT SELECT, INSERT, UPDATE ON revocations TO waste_intake;

GRANT SELECT ON events, outcomes TO waste_worker;
GRANT UPDATE (open, attempts, losses, available_at, lease_owner, lease_until, last_reason) ON events TO waste_worker;
GRANT INSERT ON outcomes, predictions TO waste_worker;
GRANT UPDATE (published_at) ON outcomes TO waste_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON workers TO waste_worker;

GRANT SELECT ON events, outcomes, predictions TO waste_review;
GRANT SELECT, INSERT, UPDATE ON review_items, failures TO waste_review;

GRANT SELECT ON events, event_conflicts, outcomes, predictions, workers, revocations, review_items, failures TO waste_reader;
GRANT SELECT ON events_default, outcomes_default, predictions_default TO waste_reader;

-- The review desk.

CREATE TABLE credentials (
    token_sha256 bytea       PRIMARY KEY,
    kind         text        NOT NULL CHECK (kind IN ('session', 'link', 'api')),
    account_id   uuid        NOT NULL REFERENCES accounts,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    seen_at      timestamptz NOT NULL DEFAULT now(),
    note         text        NOT NULL DEFAULT ''
);
COMMENT ON TABLE credentials IS 'what opens the desk, as a digest alone: sessions, one-time links, tokens of the API';
CREATE INDEX credentials_by_account ON credentials (account_id);

CREATE TABLE login_failures (
    name      text        NOT NULL,
    address   text        NOT NULL,
    failed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX login_failures_by_time ON login_failures (failed_at);
CREATE INDEX login_failures_by_address ON login_failures (address, failed_at);

CREATE TABLE actions (
    action_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    acted_at  timestamptz NOT NULL DEFAULT now(),
    actor     text        NOT NULL,
    action    text        NOT NULL,
    target    text        NOT NULL DEFAULT '',
    detail    jsonb       NOT NULL DEFAULT '{}',
    address   text        NOT NULL DEFAULT ''
);
COMMENT ON TABLE actions IS 'who did what at the desk; only ever added to';
CREATE INDEX actions_by_target ON actions (target);

CREATE TABLE labels (
    label_id         uuid        PRIMARY KEY,
    event_id         uuid        NOT NULL,
    account_id       uuid        NOT NULL REFERENCES accounts,
    choice           text        CHECK (choice IN ('plastic', 'paper', 'glass', 'metal', 'organic', 'empty', 'several', 'cannot_tell')),
    replaces         uuid        UNIQUE REFERENCES labels,
    purpose          text        NOT NULL CHECK (purpose IN ('review', 'gold', 'late', 'early')),
    origin           text        NOT NULL CHECK (origin IN ('desk', 'grid', 'api', 'cli', 'import')),
    labelled_at      timestamptz NOT NULL DEFAULT now(),
    took_ms          integer     CHECK (took_ms >= 0),
    model_version    text,
    shown_category   text,
    shown_confidence real,
    known            text
);
COMMENT ON TABLE labels IS 'what people said; only ever added to: a correction is a row that replaces another, one without a choice takes it back';
COMMENT ON COLUMN labels.purpose IS 'gold: of an item whose answer is known; late: the item was closed; early: it was not filed yet';
COMMENT ON COLUMN labels.known IS 'the answer of a gold item when it was shown: a later one does not judge it';
CREATE INDEX labels_by_event ON labels (event_id);
CREATE INDEX labels_by_account ON labels (account_id, labelled_at DESC);
CREATE INDEX labels_by_time ON labels (labelled_at);

CREATE VIEW standing_labels AS
    SELECT l.* FROM labels l
    WHERE l.choice IS NOT NULL AND NOT EXISTS (SELECT FROM labels later WHERE later.replaces = l.label_id);
COMMENT ON VIEW standing_labels IS 'labels that nobody corrected or took back';

CREATE TABLE skips (
    event_id   uuid        NOT NULL,
    account_id uuid        NOT NULL REFERENCES accounts,
    skipped_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, account_id)
);

CREATE TABLE gold (
    event_id uuid        PRIMARY KEY REFERENCES review_items,
    choice   text        NOT NULL CHECK (choice IN ('plastic', 'paper', 'glass', 'metal', 'organic', 'empty', 'several', 'cannot_tell')),
    set_by   uuid        NOT NULL REFERENCES accounts,
    set_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE gold IS 'items whose answer is known; reviewers meet them without being told';

CREATE TABLE audit_sampling (
    only_row     boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    salt         bigint      NOT NULL DEFAULT (random() * 9e18)::bigint,
    seen_through timestamptz NOT NULL DEFAULT now(),
    share        float8      NOT NULL DEFAULT 0
);
COMMENT ON TABLE audit_sampling IS 'salt: event ids are made by devices, and none of them shall choose whether it is sampled; share: of the last round';
INSERT INTO audit_sampling DEFAULT VALUES;

CREATE TABLE failure_rounds (
    event_id   uuid        NOT NULL,
    decided_at timestamptz NOT NULL,
    reason     text        NOT NULL,
    detail     text        NOT NULL,
    attempts   smallint    NOT NULL,
    filed_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, decided_at)
);
COMMENT ON TABLE failure_rounds IS 'each failure of an event once, however often its letter comes: what is not here is new';

CREATE TABLE redriven_outcomes (
    event_id     uuid        NOT NULL,
    redriven_at  timestamptz NOT NULL DEFAULT now(),
    redriven_by  text        NOT NULL,
    received_at  timestamptz NOT NULL,
    outcome      jsonb       NOT NULL,
    PRIMARY KEY (event_id, redriven_at)
);
COMMENT ON TABLE redriven_outcomes IS 'failures that were taken back: the event is open again and gets another outcome in their stead';

-- The desk may reopen events whose outcome is a failure that people have before them, and none else.
CREATE FUNCTION redrive_failures(ids uuid[], actor text, per_second double precision) RETURNS SETOF uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    chosen uuid[];
BEGIN
    SELECT array_agg(event_id ORDER BY event_id) INTO chosen FROM (
        SELECT f.event_id FROM failures f
        WHERE f.event_id = ANY(ids) AND f.state = 'open'
            AND EXISTS (SELECT FROM events e WHERE e.event_id = f.event_id AND e.event_id = ANY(ids) AND NOT e.open)
        ORDER BY f.event_id FOR UPDATE OF f) AS locked;
    IF chosen IS NULL THEN
        RETURN;
    END IF;
    WITH gone AS (
        DELETE FROM outcomes o WHERE o.event_id = ANY(chosen) AND o.kind = 'failure' RETURNING o.*
    )
    INSERT INTO redriven_outcomes (event_id, redriven_by, received_at, outcome)
    SELECT g.event_id, actor, e.received_at, to_jsonb(g) FROM gone g JOIN events e ON e.event_id = g.event_id AND e.event_id = ANY(chosen);
    RETURN QUERY
    WITH taken AS (
        SELECT r.event_id, row_number() OVER (ORDER BY r.event_id) - 1 AS place FROM redriven_outcomes r
        WHERE r.event_id = ANY(chosen) AND r.redriven_at = now()
    ), reopened AS (
        -- Due later than it was woken: the reconciler wakes it when its turn has come, so many a second.
        UPDATE events e SET open = true, attempts = 0, losses = 0, last_reason = NULL, received_at = now(),
            woken_at = now() - interval '1 ms', available_at = now() + make_interval(secs => t.place / per_second)
        FROM taken t WHERE e.event_id = t.event_id AND e.event_id = ANY(chosen) AND NOT e.open
        RETURNING e.event_id
    )
    UPDATE failures f SET state = 'redriven', closed_at = now(), closed_by = actor
    FROM reopened WHERE f.event_id = reopened.event_id AND f.state = 'open' RETURNING f.event_id;
END $$;
COMMENT ON FUNCTION redrive_failures IS 'opens the events of open failures again, per_second of them a second; returns those that it did';
REVOKE ALL ON FUNCTION redrive_failures FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redrive_failures TO waste_review;

GRANT SELECT, INSERT, UPDATE ON accounts TO waste_review;
GRANT SELECT, INSERT, UPDATE, DELETE ON credentials, login_failures, skips, gold TO waste_review;
GRANT SELECT, INSERT ON actions, labels, failure_rounds TO waste_review;
GRANT SELECT ON standing_labels, audit_sampling, redriven_outcomes, workers, event_conflicts TO waste_review;
GRANT UPDATE (seen_through, share) ON audit_sampling TO waste_review;
GRANT SELECT ON labels, standing_labels, skips, gold, audit_sampling, failure_rounds, redriven_outcomes, actions TO waste_reader;
GRANT SELECT (account_id, name, role, created_at, disabled_at) ON accounts TO waste_reader;

GRANT SELECT, INSERT, UPDATE ON devices TO waste_intake;
GRANT SELECT ON refused_generations TO waste_intake;
GRANT SELECT ON devices, refused_generations TO waste_reader;

DO $$
BEGIN
    CREATE ROLE waste_gateway NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- roles belong to the cluster; another database of it made this one
END $$;
GRANT SELECT ON events, outcomes, predictions, review_items, refused_generations TO waste_gateway;

CREATE TABLE sensors (
    sensor_id        text           PRIMARY KEY,
    first_sequence   bigint,
    last_sequence    bigint,
    missing          int8multirange NOT NULL DEFAULT '{}',
    given_up         bigint         NOT NULL DEFAULT 0,
    restarts         integer        NOT NULL DEFAULT 0,
    last_captured_at timestamptz,
    last_event_at    timestamptz,
    last_contact_at  timestamptz    NOT NULL DEFAULT now(),
    next_sequence    bigint,
    report           jsonb          NOT NULL DEFAULT '{}',
    CHECK ((first_sequence IS NULL) = (last_sequence IS NULL))
) WITH (fillfactor = 70);
COMMENT ON TABLE sensors IS 'what is known of each sensor: a bin that is silent is told from one that nobody threw anything into';
COMMENT ON COLUMN sensors.missing IS 'numbers of events that did not come though later ones did; each goes when its event comes';
COMMENT ON COLUMN sensors.given_up IS 'numbers that were missing when the sensor began to count anew, or when there were too many gaps to keep';
COMMENT ON COLUMN sensors.next_sequence IS 'the number that its next event will have, as it said itself at its last contact';
COMMENT ON COLUMN sensors.report IS 'what it said of itself at its last contact: spool, version, clock';
CREATE INDEX sensors_by_contact ON sensors (last_contact_at);

-- Numbers of a multirange.
CREATE FUNCTION count_of(numbers int8multirange) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (SELECT coalesce(sum(least(upper(part)::numeric - lower(part), 9e18)), 0) FROM unnest(numbers) AS part)::bigint;

-- The last `most` runs of it.
CREATE FUNCTION newest_of(numbers int8multirange, most integer) RETURNS int8multirange
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (SELECT coalesce(range_agg(part), '{}') FROM (SELECT part FROM unnest(numbers) AS part ORDER BY part DESC LIMIT most) AS kept);

GRANT SELECT, INSERT, UPDATE ON sensors TO waste_intake;
GRANT SELECT (sensor_id, next_sequence, report), INSERT (sensor_id, last_contact_at, next_sequence, report),
    UPDATE (last_contact_at, next_sequence, report) ON sensors TO waste_gateway;
GRANT SELECT ON sensors TO waste_reader;
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
GRANT SELECT, INSERT, UPDATE (match, event_id, distance_s, joined_at) ON ground_truth TO waste_learning;
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
GRANT SELECT, INSERT, UPDATE (evidence, resolved_at, told_fired_at, told_resolved_at) ON alerts TO waste_learning;
GRANT SELECT ON alerts TO waste_reader;

COMMENT ON COLUMN review_items.contested_at IS 'when a plant said otherwise than people did: one more of them is asked, once';
GRANT UPDATE (state, wanted, resolved, closed_at, contested_at) ON review_items TO waste_learning;

-- The slow loop.

CREATE TABLE snapshots (
    snapshot_id text        PRIMARY KEY,
    made_at     timestamptz NOT NULL DEFAULT now(),
    place       text        NOT NULL,
    items       integer     NOT NULL,
    fingerprint text        NOT NULL,
    manifest    jsonb       NOT NULL,
    golden      boolean     NOT NULL DEFAULT false
);
COMMENT ON TABLE snapshots IS 'labelled items as they were known at a moment, as files below `place`; none is ever changed';
COMMENT ON COLUMN snapshots.golden IS 'what every model is examined with';
CREATE UNIQUE INDEX snapshots_golden ON snapshots (golden) WHERE golden;

CREATE TABLE models (
    version     text        PRIMARY KEY CHECK (length(version) BETWEEN 1 AND 100),
    sha256      text        NOT NULL UNIQUE CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size_bytes  bigint      NOT NULL CHECK (size_bytes > 0),
    object_key  text        NOT NULL,
    state       text        NOT NULL DEFAULT 'candidate' CHECK (state IN ('candidate', 'shadow', 'canary', 'champion', 'retired')),
    facts       jsonb       NOT NULL,
    metrics     jsonb       NOT NULL DEFAULT '{}',
    snapshot_id text        REFERENCES snapshots,
    parent      text,
    added_at    timestamptz NOT NULL DEFAULT now(),
    added_by    text        NOT NULL
);
COMMENT ON TABLE models IS 'nothing of a model changes but its state, and that through move_model alone; none with state champion: workers use their own';
COMMENT ON COLUMN models.facts IS 'what the file says of itself: threshold, calibration, fingerprint of its data';
CREATE UNIQUE INDEX models_in_force ON models (state) WHERE state IN ('shadow', 'canary', 'champion');

CREATE TABLE model_transitions (
    transition_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version       text        NOT NULL REFERENCES models,
    before        text        NOT NULL,
    after         text        NOT NULL,
    acted_at      timestamptz NOT NULL DEFAULT now(),
    actor         text        NOT NULL,
    because       text        NOT NULL,
    evidence      jsonb       NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE model_transitions IS 'who moved which model from which state to which, and why; only ever added to';
CREATE INDEX model_transitions_by_version ON model_transitions (version, transition_id);

CREATE TABLE serving (
    only_row     boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    revision     bigint      NOT NULL DEFAULT 0,
    canary_share real        NOT NULL DEFAULT 0.1 CHECK (canary_share BETWEEN 0.01 AND 0.5),
    canary_cut   float8      NOT NULL DEFAULT 0.1 CHECK (canary_cut BETWEEN 0 AND 1),
    shadow_share real        NOT NULL DEFAULT 0.2 CHECK (shadow_share BETWEEN 0 AND 1),
    pinned_by    text,
    changed_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN serving.revision IS 'rises with whatever changes what workers have to serve; they hear of it with each heartbeat';
COMMENT ON COLUMN serving.canary_share IS 'the share of sensors whose events the canary decides';
COMMENT ON COLUMN serving.canary_cut IS 'sensors whose place in the trial is under it are that share of the last week''s events; see place_of';
COMMENT ON COLUMN serving.shadow_share IS 'the share of sensors whose pictures the shadow also scores, without deciding';
COMMENT ON COLUMN serving.pinned_by IS 'who has asked that nothing moves by itself';
INSERT INTO serving DEFAULT VALUES;

CREATE TABLE shadow_predictions (
    event_id      uuid        NOT NULL,
    model_version text        NOT NULL,
    category      text        NOT NULL CHECK (category IN ('plastic', 'paper', 'glass', 'metal', 'organic')),
    confidence    real        NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    kind          text        NOT NULL CHECK (kind IN ('prediction', 'review')),
    inference_ms  real        NOT NULL,
    predicted_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, model_version)
);
COMMENT ON TABLE shadow_predictions IS 'what another model than the deciding one says of an event; kind is how it would have ended';
CREATE INDEX shadow_predictions_by_model ON shadow_predictions (model_version, predicted_at);

CREATE TABLE trainings (
    training_id uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    asked_at    timestamptz NOT NULL DEFAULT now(),
    asked_by    text        NOT NULL,
    because     text        NOT NULL,
    alert_id    uuid        REFERENCES alerts,
    state       text        NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'running', 'registered', 'refused', 'failed', 'cancelled')),
    step        text        NOT NULL DEFAULT '',
    progress    real        NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
    attempts    smallint    NOT NULL DEFAULT 0,
    cancelled_by text,
    started_at  timestamptz,
    beat_at     timestamptz,
    ended_at    timestamptz,
    snapshot_id text        REFERENCES snapshots,
    version     text        REFERENCES models,
    report      jsonb       NOT NULL DEFAULT '{}'
);
COMMENT ON COLUMN trainings.report IS 'figures of the candidate and of the champion, and the reasons of the gate';
CREATE UNIQUE INDEX trainings_at_once ON trainings ((true)) WHERE state IN ('waiting', 'running');
CREATE INDEX trainings_by_time ON trainings (asked_at);

-- The one way in which a model's state changes. What it replaces is retired in the same transaction.
CREATE FUNCTION move_model(moved text, expected text, target text, who text, why text, proof jsonb DEFAULT '{}') RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    displaced text;
BEGIN
    PERFORM FROM serving FOR UPDATE;  -- moves take turns
    PERFORM FROM models WHERE version = moved AND state = expected;
    IF NOT FOUND OR expected = target THEN
        RETURN false;
    END IF;
    IF target IN ('shadow', 'canary', 'champion') THEN
        SELECT version INTO displaced FROM models WHERE state = target;
    END IF;
    IF displaced IS NOT NULL THEN
        UPDATE models SET state = 'retired' WHERE version = displaced;
        INSERT INTO model_transitions (version, before, after, actor, because, evidence)
        VALUES (displaced, target, 'retired', who, 'replaced', jsonb_build_object('replaced_by', moved));
    END IF;
    UPDATE models SET state = target WHERE version = moved;
    INSERT INTO model_transitions (version, before, after, actor, because, evidence) VALUES (moved, expected, target, who, why, proof);
    UPDATE serving SET revision = revision + 1, changed_at = now();
    RETURN true;
END $$;
COMMENT ON FUNCTION move_model IS 'moves a model from the state that is expected to another; false if it is in none such';

-- The champion goes, and the one that it replaced is the champion again; without such a one workers use their own model.
CREATE FUNCTION roll_back_champion(who text, why text) RETURNS TABLE (gone text, back text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM serving FOR UPDATE;
    SELECT version INTO gone FROM models WHERE state = 'champion';
    IF gone IS NULL THEN
        RETURN;
    END IF;
    -- Of its last promotion; being brought back by a roll-back goes on with the one before.
    SELECT t.version INTO back FROM model_transitions t JOIN models m ON m.version = t.version AND m.state = 'retired'
    WHERE t.before = 'champion' AND t.evidence->>'replaced_by' = gone AND t.acted_at = (SELECT acted_at FROM model_transitions
        WHERE version = gone AND after = 'champion' AND NOT evidence ? 'gone' ORDER BY transition_id DESC LIMIT 1);
    PERFORM move_model(gone, 'champion', 'retired', who, why, jsonb_build_object('back', back));
    IF back IS NOT NULL THEN
        PERFORM move_model(back, 'retired', 'champion', who, why, jsonb_build_object('gone', gone));
    END IF;
    RETURN NEXT;
END $$;

-- What a worker may do that finds a model on trial unfit: errors, slowness, numbers that are none.
CREATE FUNCTION withdraw_model(unfit text, who text, why text, proof jsonb) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(bool_or(move_model(version, state, 'retired', who, why, proof)), false)
    FROM models WHERE version = unfit AND state IN ('shadow', 'canary');
$$;
REVOKE ALL ON FUNCTION move_model, roll_back_champion, withdraw_model FROM PUBLIC;
GRANT EXECUTE ON FUNCTION move_model, roll_back_champion TO waste_learning;
GRANT EXECUTE ON FUNCTION withdraw_model TO waste_worker;

GRANT SELECT ON models, serving TO waste_worker;
GRANT SELECT, INSERT ON shadow_predictions TO waste_worker;
GRANT SELECT ON models, model_transitions, serving, shadow_predictions, workers TO waste_learning;
GRANT INSERT (version, sha256, size_bytes, object_key, facts, metrics, snapshot_id, parent, added_by) ON models TO waste_learning;
GRANT UPDATE (canary_share, canary_cut, shadow_share, pinned_by, revision, changed_at) ON serving TO waste_learning;
GRANT SELECT, INSERT ON snapshots TO waste_learning;
GRANT UPDATE (golden) ON snapshots TO waste_learning;
GRANT SELECT, INSERT, UPDATE (state, step, progress, attempts, cancelled_by, started_at, beat_at, ended_at, snapshot_id, version, report)
    ON trainings TO waste_learning;
GRANT SELECT ON models, model_transitions, serving, shadow_predictions, snapshots, trainings TO waste_reader;

CREATE TABLE sensor_days (
    sensor_id  text    NOT NULL,
    day        date    NOT NULL,
    pictures   integer NOT NULL,
    brightness real    NOT NULL,
    sharpness  real    NOT NULL,
    entropy    real    NOT NULL,
    confidence real    NOT NULL,
    categories integer[] NOT NULL,
    brim       real[]  NOT NULL,
    PRIMARY KEY (sensor_id, day)
);
COMMENT ON TABLE sensor_days IS 'what a sensor''s pictures of a day (UTC) were like; what is usual for it is told from its own days';
COMMENT ON COLUMN sensor_days.brightness IS 'the lower quartile, as of sharpness; of entropy and confidence the median';
COMMENT ON COLUMN sensor_days.categories IS 'how often the model said plastic, paper, glass, metal, organic';
CREATE INDEX sensor_days_by_day ON sensor_days (day);

CREATE INDEX alerts_by_subject ON alerts (kind, subject);
CREATE VIEW suspect_periods AS
    SELECT subject AS sensor_id, coalesce((evidence->>'since')::timestamptz, fired_at) AS since, resolved_at AS until
    FROM alerts WHERE kind = 'sensor_faulty';
COMMENT ON VIEW suspect_periods IS 'what a sensor photographed from since until until (NULL: still) neither trains a model nor counts for its accuracy';

GRANT SELECT, INSERT, UPDATE ON sensor_days TO waste_learning;
GRANT SELECT ON sensor_days TO waste_reader;
GRANT SELECT ON suspect_periods TO waste_learning, waste_reader;

-- Rollups. They outlive the months of the ledger that they were counted from.

CREATE TABLE rolling (
    only_row     boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    seen_through timestamptz NOT NULL,
    mark_at      timestamptz,
    mark_xid     xid8,
    labels_day   date        NOT NULL DEFAULT current_date,
    workers_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((mark_at IS NULL) = (mark_xid IS NULL))
);
COMMENT ON COLUMN rolling.seen_through IS 'what was received, decided or redriven up to then is in the rollups, each once';
COMMENT ON COLUMN rolling.mark_at IS 'up to where to count next, once every transaction up to mark_xid has ended: what is committed late carries an earlier time';
COMMENT ON COLUMN rolling.workers_at IS 'when the live workers were counted last';
COMMENT ON COLUMN rolling.labels_day IS 'the day whose labels were counted last, of those that are gone through one after another';
INSERT INTO rolling (seen_through) SELECT least(now(), (SELECT min(decided_at) FROM outcomes), (SELECT min(received_at) FROM events))
    - interval '1 s';

CREATE TABLE flow_minutes (
    minute       timestamptz PRIMARY KEY,
    received     integer     NOT NULL DEFAULT 0,
    predictions  integer     NOT NULL DEFAULT 0,
    reviews      integer     NOT NULL DEFAULT 0,
    failures     integer     NOT NULL DEFAULT 0,
    redriven     integer     NOT NULL DEFAULT 0,
    queued_ms    float8      NOT NULL DEFAULT 0,
    fetch_ms     float8      NOT NULL DEFAULT 0,
    decode_ms    float8      NOT NULL DEFAULT 0,
    inference_ms float8      NOT NULL DEFAULT 0,
    record_ms    float8      NOT NULL DEFAULT 0,
    latencies    integer[]   NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE flow_minutes IS 'how events came and went, by minute; of the last days alone';
COMMENT ON COLUMN flow_minutes.failures IS 'as they happened: redriven are those of this minute that were taken back since';
COMMENT ON COLUMN flow_minutes.queued_ms IS 'summed up over predictions and reviews, as the other stages';
COMMENT ON COLUMN flow_minutes.latencies IS 'outcomes by the time from capture to outcome, in the bins of contracts/rollups.py';

CREATE TABLE decision_hours (
    hour           timestamptz NOT NULL,
    kind           text        NOT NULL CHECK (kind IN ('prediction', 'review', 'failure', 'redriven')),
    reason         text        NOT NULL,
    category       text        NOT NULL,
    model_version  text        NOT NULL,
    decided        integer     NOT NULL,
    confidence_sum float8      NOT NULL,
    confidences    integer[]   NOT NULL,
    latencies      integer[]   NOT NULL,
    PRIMARY KEY (hour, kind, reason, category, model_version)
) WITH (fillfactor = 70);
COMMENT ON TABLE decision_hours IS 'outcomes by the hour in which they were decided; of failures reason alone says more, and category and model_version are empty';
COMMENT ON COLUMN decision_hours.kind IS 'redriven: failures of this hour that were taken back since; they still count as failure, too';
COMMENT ON COLUMN decision_hours.confidences IS 'outcomes by confidence, in bins of a twentieth';

CREATE TABLE decision_days (
    day            date      NOT NULL,
    kind           text      NOT NULL CHECK (kind IN ('prediction', 'review', 'failure', 'redriven')),
    reason         text      NOT NULL,
    category       text      NOT NULL,
    model_version  text      NOT NULL,
    decided        integer   NOT NULL,
    confidence_sum float8    NOT NULL,
    confidences    integer[] NOT NULL,
    latencies      integer[] NOT NULL,
    labelled       integer   NOT NULL DEFAULT 0,
    right_ones     integer   NOT NULL DEFAULT 0,
    PRIMARY KEY (day, kind, reason, category, model_version)
) WITH (fillfactor = 70);
COMMENT ON TABLE decision_days IS 'outcomes by the day (UTC) on which their pictures were taken, else decided';
COMMENT ON COLUMN decision_days.labelled IS 'of how many it is known what they were; of the last two months counted again and again';

CREATE TABLE sensor_counts (
    sensor_id      text        NOT NULL,
    day            date        NOT NULL,
    decided        integer     NOT NULL,
    reviews        integer     NOT NULL,
    failures       integer     NOT NULL,
    redriven       integer     NOT NULL,
    confidence_sum float8      NOT NULL,
    last_at        timestamptz NOT NULL,
    PRIMARY KEY (sensor_id, day)
) WITH (fillfactor = 70);
COMMENT ON TABLE sensor_counts IS 'the same by sensor: predictions and reviews, of which reviews, failures, and those of them that were taken back';
COMMENT ON COLUMN sensor_counts.last_at IS 'when the last of them was decided';
CREATE INDEX sensor_counts_by_day ON sensor_counts (day);

CREATE TABLE worker_hours (
    hour          timestamptz NOT NULL,
    version       text        NOT NULL,
    model_version text        NOT NULL,
    worker_s      float8      NOT NULL,
    PRIMARY KEY (hour, version, model_version)
) WITH (fillfactor = 70);
COMMENT ON TABLE worker_hours IS 'seconds for which workers lived, by what they ran; looked at several times a minute while the drain runs';

CREATE FUNCTION add_counts(counts integer[], more integer[]) RETURNS integer[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ARRAY(SELECT coalesce(one, 0) + coalesce(other, 0) FROM unnest(counts, more) WITH ORDINALITY AS u (one, other, place) ORDER BY place);
COMMENT ON FUNCTION add_counts IS 'adds two histograms, bin by bin';

CREATE INDEX redriven_outcomes_by_time ON redriven_outcomes (redriven_at);

GRANT SELECT, INSERT, UPDATE ON flow_minutes, decision_hours, decision_days, sensor_counts, worker_hours TO waste_review;
GRANT SELECT, UPDATE ON rolling TO waste_review;
GRANT DELETE ON flow_minutes TO waste_review;
GRANT SELECT ON rolling, flow_minutes, decision_hours, decision_days, sensor_counts, worker_hours TO waste_reader;

-- What the console reads beside, and what ops may do there.
GRANT SELECT ON devices, sensors, sensor_days, suspect_periods, alerts, models, model_transitions, serving, trainings, shadow_predictions
    TO waste_review;
GRANT SELECT ON ground_truth, refused_generations TO waste_review;
GRANT EXECUTE ON FUNCTION move_model, roll_back_champion TO waste_review;
