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
