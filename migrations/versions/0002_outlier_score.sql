ALTER TABLE predictions ADD COLUMN outlier_score real;
ALTER TABLE review_items ADD COLUMN outlier_score real;
