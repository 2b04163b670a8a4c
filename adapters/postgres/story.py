"""An event's life out of the tables that know of it, each asked by its index."""

from uuid import UUID

from psycopg.rows import class_row

from adapters.postgres.connections import Pool, connected
from contracts.story import Moment

_OF_EVENT = """
SELECT captured_at AS at, 'captured' AS what, sensor_id AS who,
    jsonb_build_object('image_url', image_url, 'sequence', sequence) || attributes AS facts
FROM events WHERE event_id = %(id)s
UNION ALL
SELECT received_at, 'accepted', 'intake', jsonb_build_object('schema_version', schema_version) FROM events WHERE event_id = %(id)s
UNION ALL
SELECT seen_at, 'refused: other content under the same id', 'intake',
    jsonb_build_object('sensor_id', sensor_id, 'image_url', image_url, 'captured_at', captured_at)
FROM event_conflicts WHERE event_id = %(id)s
UNION ALL
SELECT woken_at,
    CASE WHEN lease_owner IS NOT NULL THEN 'in a worker''s hands' WHEN available_at > now() THEN 'to be tried again'
        ELSE 'waiting' END,
    coalesce(lease_owner::text, ''),
    jsonb_strip_nulls(jsonb_build_object('attempts', attempts, 'losses', losses, 'due', available_at,
        'lease_until', lease_until, 'last_reason', last_reason))
FROM events WHERE event_id = %(id)s AND open
"""
_OF_DECISION = """
SELECT predicted_at AS at, 'classified as ' || category AS what, model_version AS who,
    jsonb_build_object('confidence', confidence, 'outlier_score', outlier_score,
        'scores', jsonb_build_object('plastic', plastic, 'paper', paper, 'glass', glass, 'metal', metal, 'organic', organic),
        'ms', jsonb_build_object('queued', queued_ms, 'fetch', fetch_ms, 'decode', decode_ms, 'inference', inference_ms,
            'record', record_ms, 'all', processing_time_ms)) AS facts
FROM predictions WHERE event_id = %(id)s
UNION ALL
SELECT predicted_at, 'scored beside as ' || category, model_version,
    jsonb_build_object('confidence', confidence, 'would_be', kind)
FROM shadow_predictions WHERE event_id = %(id)s
UNION ALL
SELECT (outcome->>'decided_at')::timestamptz, 'failed: ' || (outcome->>'reason'), 'worker',
    jsonb_build_object('detail', outcome->>'detail', 'attempts', outcome->'attempts')
FROM redriven_outcomes WHERE event_id = %(id)s
UNION ALL
SELECT redriven_at, 'opened again', redriven_by, '{}' FROM redriven_outcomes WHERE event_id = %(id)s
UNION ALL
SELECT decided_at, CASE kind WHEN 'prediction' THEN 'ended: decided by the model' WHEN 'review' THEN 'ended: for people, ' || reason
        ELSE 'ended: failed, ' || reason END, 'worker', jsonb_build_object('detail', detail, 'attempts', attempts)
FROM outcomes WHERE event_id = %(id)s
UNION ALL
SELECT published_at, 'told to the review desk', 'worker', '{}' FROM outcomes WHERE event_id = %(id)s AND published_at IS NOT NULL
"""
_OF_PEOPLE = """
SELECT filed_at AS at, 'filed for people: ' || reason AS what, 'drain' AS who,
    jsonb_strip_nulls(jsonb_build_object('informativeness', informativeness, 'sampling_probability', sampling_probability)) AS facts
FROM review_items WHERE event_id = %(id)s
UNION ALL
SELECT filed_at, 'filed as a failure: ' || reason, 'drain', jsonb_build_object('detail', detail, 'attempts', attempts)
FROM failure_rounds WHERE event_id = %(id)s
UNION ALL
SELECT closed_at, 'failure ' || state, coalesce(closed_by, ''), jsonb_build_object('because', close_reason)
FROM failures WHERE event_id = %(id)s AND closed_at IS NOT NULL
UNION ALL
SELECT labelled_at, CASE WHEN choice IS NULL THEN 'label taken back' ELSE 'labelled ' || choice END, a.name,
    jsonb_build_object('purpose', purpose, 'origin', origin, 'took_ms', took_ms)
FROM labels JOIN accounts a USING (account_id) WHERE event_id = %(id)s
UNION ALL
SELECT closed_at, 'closed: ' || state || coalesce(' ' || resolved, ''), 'desk', '{}'
FROM review_items WHERE event_id = %(id)s AND closed_at IS NOT NULL
UNION ALL
SELECT coalesce(joined_at, received_at), 'the plant says ' || category, source,
    jsonb_strip_nulls(jsonb_build_object('observed_at', observed_at, 'match', match, 'distance_s', distance_s, 'batch', batch))
FROM ground_truth WHERE event_id = %(id)s
"""


class PostgresStories:
    """Implements `contracts.story.Stories`; for logins with the role waste_reader."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def story(self, event_id: UUID) -> list[Moment]:
        """Return all that is known of an event, the oldest first; of one moment."""
        with connected(self._pool) as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            with connection.cursor(row_factory=class_row(Moment)) as cursor:
                found = [row for ask in (_OF_EVENT, _OF_DECISION, _OF_PEOPLE) for row in cursor.execute(ask, {"id": event_id})]
        # What came first stands first, and of the same moment what has to come first: the order of the questions.
        return sorted(found, key=lambda moment: moment.at)
