ALTER TABLE predictions ADD COLUMN sketch bytea CHECK (length(sketch) = 16);
COMMENT ON COLUMN predictions.sketch IS 'what the model sees in the picture: its features along sixteen random directions, 128 is none and 32 are one';
