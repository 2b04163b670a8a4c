ALTER TABLE predictions ADD COLUMN brim bytea CHECK (length(brim) = 36);
COMMENT ON COLUMN predictions.brim IS 'colours along the edge of the picture: twelve cells of red, green, blue; 64 is the mean of the whole picture';

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
