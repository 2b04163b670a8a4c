-- The champion goes, and the one that it replaced is the champion again; without such a one workers use their own model.
CREATE OR REPLACE FUNCTION roll_back_champion(who text, why text) RETURNS TABLE (gone text, back text)
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
