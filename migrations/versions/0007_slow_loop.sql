ALTER TABLE predictions ADD COLUMN brightness real, ADD COLUMN sharpness real, ADD COLUMN entropy real;
COMMENT ON COLUMN predictions.sharpness IS 'how much neighbouring pixels differ; with brightness and entropy it tells a sick camera from a new kind of waste';
ALTER TABLE workers ADD COLUMN revision bigint NOT NULL DEFAULT 0, ADD COLUMN model_problem text NOT NULL DEFAULT '';
COMMENT ON COLUMN workers.revision IS 'of what is to be served: the last that this worker has in force';
COMMENT ON COLUMN workers.model_problem IS 'why it serves another model than it should';

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
    SELECT t.version INTO back FROM model_transitions t JOIN models m ON m.version = t.version AND m.state = 'retired'
    WHERE t.before = 'champion' AND t.evidence->>'replaced_by' = gone ORDER BY t.transition_id DESC LIMIT 1;
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
GRANT SELECT, INSERT, UPDATE ON trainings TO waste_learning;
GRANT SELECT ON models, model_transitions, serving, shadow_predictions, snapshots, trainings TO waste_reader;
