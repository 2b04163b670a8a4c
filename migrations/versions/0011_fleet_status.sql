ALTER TABLE workers ADD COLUMN decided_last_minute integer NOT NULL DEFAULT 0;
ALTER TABLE workers ADD COLUMN events_per_s real NOT NULL DEFAULT 0;
COMMENT ON COLUMN workers.events_per_s IS 'decided for each second in which it had a wake-up in hand; 0: not measured yet';
-- Rows come in the order of their times, so a few pages of this index tell where the last minutes lie.
CREATE INDEX events_by_time ON events USING brin (received_at) WITH (autosummarize = true);
GRANT SELECT (event_id, predicted_at) ON predictions TO waste_intake;
