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

ALTER TABLE review_items
    ADD COLUMN wanted               smallint NOT NULL DEFAULT 1 CHECK (wanted BETWEEN 1 AND 3),
    ADD COLUMN informativeness      real     NOT NULL DEFAULT 0.5,
    ADD COLUMN sampling_probability real     CHECK (sampling_probability > 0 AND sampling_probability <= 1),
    ADD COLUMN lease_account        uuid     REFERENCES accounts,
    ADD COLUMN lease_desk           uuid,
    ADD COLUMN lease_until          timestamptz,
    ADD COLUMN resolved             text     CHECK (resolved IN ('plastic', 'paper', 'glass', 'metal', 'organic', 'empty', 'several', 'cannot_tell')),
    ADD COLUMN closed_at            timestamptz,
    ADD CHECK ((reason = 'audit_sample') = (sampling_probability IS NOT NULL));
COMMENT ON COLUMN review_items.wanted IS 'labels of different people until it is closed';
COMMENT ON COLUMN review_items.lease_desk IS 'the open page that holds it: one person may have two';
COMMENT ON COLUMN review_items.sampling_probability IS 'with which a confident prediction came into the audit sample';
UPDATE review_items SET informativeness = 1 - confidence;
CREATE INDEX review_items_open_by_informativeness ON review_items (informativeness DESC, event_id) WHERE state = 'open';
CREATE INDEX review_items_open_by_sensor ON review_items (sensor_id, decided_at) WHERE state = 'open';
CREATE INDEX review_items_by_sensor ON review_items (sensor_id, captured_at);
CREATE INDEX review_items_closed ON review_items (closed_at) WHERE state = 'labelled';
CREATE INDEX review_items_filed ON review_items (filed_at);
CREATE INDEX review_items_leased ON review_items (lease_desk) WHERE lease_desk IS NOT NULL;

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
CREATE INDEX outcomes_failures_by_age ON outcomes (decided_at) WHERE kind = 'failure';
CREATE INDEX predictions_by_time ON predictions USING brin (predicted_at) WITH (autosummarize = true);

ALTER TABLE failures
    ADD COLUMN closed_at    timestamptz,
    ADD COLUMN closed_by    text,
    ADD COLUMN close_reason text NOT NULL DEFAULT '',
    ADD COLUMN rounds       smallint NOT NULL DEFAULT 1;
COMMENT ON COLUMN failures.rounds IS 'how often this event has failed: once, and once more after each redrive in vain';
CREATE INDEX failures_open_by_age ON failures (decided_at) WHERE state = 'open';
CREATE INDEX failures_by_claimed_id ON failures ((claimed->>'event_id')) WHERE claimed IS NOT NULL;

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
INSERT INTO failure_rounds (event_id, decided_at, reason, detail, attempts)
    SELECT event_id, decided_at, reason, detail, attempts FROM failures;

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
