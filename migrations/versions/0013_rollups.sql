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
