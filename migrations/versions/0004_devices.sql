CREATE TABLE devices (
    sensor_id  text        PRIMARY KEY,
    site       text        NOT NULL DEFAULT '',
    generation integer     NOT NULL CHECK (generation BETWEEN 1 AND 9999),
    added_at   timestamptz NOT NULL DEFAULT now(),
    note       text        NOT NULL DEFAULT ''
);
COMMENT ON COLUMN devices.site IS 'the place or fleet it belongs to';
CREATE INDEX devices_by_site ON devices (site, sensor_id);

ALTER TABLE revocations
    DROP CONSTRAINT revocations_revoked_through_check,
    ADD COLUMN next_through integer CHECK (next_through >= 1),
    ADD COLUMN next_from    timestamptz,
    ADD CONSTRAINT revocations_revoked_through_check CHECK (revoked_through >= 0),
    ADD CONSTRAINT revocations_next CHECK ((next_through IS NULL) = (next_from IS NULL));
COMMENT ON COLUMN revocations.next_from IS 'from then on next_through is refused too: the overlap of a rotation ends';

CREATE VIEW refused_generations AS
    SELECT sensor_id, greatest(revoked_through, CASE WHEN next_from <= now() THEN next_through END) AS through
    FROM revocations;
COMMENT ON VIEW refused_generations IS 'up to which generation a sensor''s credentials are refused now';

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
