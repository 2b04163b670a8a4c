"""Filing: dead letters into the review desk's two lanes in Postgres, each once."""

import base64
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from adapters.postgres.connections import Pool, connected
from contracts.labels import Choice, resolve
from contracts.names import OutcomeKind
from contracts.outcomes import DeadLetter
from contracts.review import informativeness

EARLY_LABELS = "hashtext('waste-early-labels')"
"""The advisory lock between labels of items that are not filed yet, and filing: neither may miss the other."""

_FILE_REVIEW = """
INSERT INTO review_items
    (event_id, reason, sensor_id, image_url, captured_at, category, confidence, scores, model_version, outlier_score,
     decided_at, wanted, informativeness)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (event_id) DO NOTHING RETURNING event_id
"""
# A letter that comes again changes nothing; one of another failure, after a redrive, opens the row again.
_NEW_ROUND = """
INSERT INTO failure_rounds (event_id, decided_at, reason, detail, attempts) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (event_id, decided_at) DO NOTHING RETURNING event_id
"""
_FILE_FAILURE = """
INSERT INTO failures AS f (event_id, reason, detail, attempts, sensor_id, image_url, captured_at, claimed, raw, decided_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (event_id) DO UPDATE SET state = 'open', reason = excluded.reason, detail = excluded.detail,
    attempts = excluded.attempts, decided_at = excluded.decided_at, filed_at = now(), closed_at = NULL, closed_by = NULL,
    close_reason = '', rounds = f.rounds + 1
WHERE f.state <> 'open' AND f.decided_at <> excluded.decided_at
"""
# A redrive takes the outcome away and opens the event. If that very failure ends it once more, written by a worker that was
# cut off meanwhile, the redrive was in vain, and people have to see it.
_IN_VAIN = """
f.state = 'redriven' AND EXISTS (
    SELECT FROM outcomes o JOIN events e ON e.event_id = o.event_id
    WHERE o.event_id = f.event_id AND e.event_id = f.event_id AND o.kind = 'failure' AND NOT e.open
        AND (o.dead_letter->>'decided_at')::timestamptz = f.decided_at)
"""
_REOPEN = f"""
UPDATE failures f SET state = 'open', filed_at = now(), closed_at = NULL, closed_by = NULL, close_reason = '', rounds = f.rounds + 1
WHERE f.event_id = %s AND f.decided_at = %s AND {_IN_VAIN}
"""  # noqa: S608 - the only insertion is a constant of this module
_EARLY = "SELECT event_id, choice FROM standing_labels WHERE event_id = ANY(%s) ORDER BY labelled_at"
_CLOSE = """
UPDATE review_items SET state = 'labelled', resolved = %s, closed_at = now() WHERE event_id = %s AND state = 'open'
"""
_LOST = f"""
SELECT o.dead_letter FROM outcomes o
WHERE o.kind IN ('review', 'failure') AND o.dead_letter IS NOT NULL
    AND o.decided_at BETWEEN now() - make_interval(secs => %(since_s)s) AND now() - make_interval(secs => %(grace_s)s)
    AND NOT EXISTS (SELECT FROM review_items r WHERE r.event_id = o.event_id)
    AND (NOT EXISTS (SELECT FROM failure_rounds r WHERE r.event_id = o.event_id
            AND r.decided_at = (o.dead_letter->>'decided_at')::timestamptz)
        OR EXISTS (SELECT FROM failures f WHERE f.event_id = o.event_id AND {_IN_VAIN}))
ORDER BY o.decided_at LIMIT %(limit)s
"""  # noqa: S608 - as above


class PostgresReviewDesk:
    """Implements `contracts.ports.ReviewDesk`."""

    def __init__(self, pool: Pool, *, second_opinion_share: float) -> None:
        """Work on connections of `pool`; this share of the items, in [0, 1], is shown to two people."""
        self._pool = pool
        self._second_opinion_share = second_opinion_share

    def file(self, letters: Sequence[DeadLetter]) -> int:
        """Put dead letters into their lane, each once, in one transaction; return how many were new.

        An item that was labelled before it came is closed at once.
        """
        letters = sorted(letters, key=lambda letter: letter.event_id)  # one order, so that nobody waits in a ring
        reviews = [letter for letter in letters if letter.kind == OutcomeKind.REVIEW]
        failures = [letter for letter in letters if letter.kind == OutcomeKind.FAILURE]
        with connected(self._pool) as connection, connection.transaction():
            return self._file_reviews(connection, reviews) + _file_failures(connection, failures)

    def check(self) -> None:
        """Raise LedgerUnavailable if this login may not file."""
        with connected(self._pool) as connection:
            connection.execute("SELECT 1 FROM review_items LIMIT 0 FOR UPDATE")

    def lost(self, limit: int, grace_s: float, since_s: float) -> list[DeadLetter]:
        """Return dead letters that the ledger recorded between `since_s` and `grace_s` ago and that are in no lane."""
        with connected(self._pool) as connection:
            rows = connection.execute(_LOST, {"grace_s": grace_s, "since_s": since_s, "limit": limit}).fetchall()
        return [DeadLetter.model_validate(letter) for (letter,) in rows]

    def _file_reviews(self, connection: Connection[TupleRow], letters: Sequence[DeadLetter]) -> int:
        if not letters:
            return 0
        await_early_labels(connection)
        wanted = {letter.event_id: self._wanted(letter.event_id) for letter in letters}
        new: dict[UUID, int] = {}
        with connection.cursor() as cursor:
            cursor.executemany(_FILE_REVIEW, [_review_row(letter, wanted[letter.event_id]) for letter in letters], returning=True)
            for _ in cursor.results():
                new |= {event_id: wanted[event_id] for (event_id,) in cursor}
        close_labelled(connection, new)  # an item that was filed before has had its labels looked at
        return len(new)

    def _wanted(self, event_id: UUID) -> int:
        # By a digest, so that a letter that comes again says the same.
        place = int.from_bytes(hashlib.sha256(b"second opinion" + event_id.bytes).digest()[:8], "big") / 2**64
        return 2 if place < self._second_opinion_share else 1


def await_early_labels(connection: Connection[TupleRow]) -> None:
    """Have labels of what is not filed yet come wholly before this transaction or after it."""
    connection.execute(f"SELECT pg_advisory_xact_lock_shared({EARLY_LABELS})")


def close_labelled(connection: Connection[TupleRow], wanted: Mapping[UUID, int]) -> None:
    """Close those of the new items, by the number of labels that each wants, that were labelled before they came."""
    said: dict[UUID, list[Choice]] = defaultdict(list)
    for event_id, choice in connection.execute(_EARLY, (list(wanted),)) if wanted else ():
        said[event_id].append(Choice(choice))
    for event_id, choices in sorted(said.items()):  # one order, so that nobody waits in a ring
        if answer := resolve(choices, wanted[event_id]).answer:
            connection.execute(_CLOSE, (answer, event_id))


def _file_failures(connection: Connection[TupleRow], letters: Sequence[DeadLetter]) -> int:
    filed = 0
    for letter in letters:
        round_ = (letter.event_id, letter.decided_at, letter.reason, letter.detail, letter.attempts)
        if connection.execute(_NEW_ROUND, round_).fetchone():
            filed += connection.execute(_FILE_FAILURE, _failure_row(letter)).rowcount
        else:
            filed += connection.execute(_REOPEN, (letter.event_id, letter.decided_at)).rowcount
    return filed


def _review_row(letter: DeadLetter, wanted: int) -> tuple[object, ...]:
    scores = Jsonb({category.value: score for category, score in (letter.scores or {}).items()})
    picture = (letter.sensor_id, letter.image_url, letter.captured_at)
    guess = (letter.category, letter.confidence, scores, letter.model_version, letter.outlier_score)
    return (letter.event_id, letter.reason, *picture, *guess, letter.decided_at, wanted, informativeness(letter))


def _failure_row(letter: DeadLetter) -> tuple[Any, ...]:
    picture = (letter.sensor_id, letter.image_url, letter.captured_at)
    claimed = Jsonb(letter.claimed) if letter.claimed is not None else None
    raw = base64.b64decode(letter.raw) if letter.raw is not None else None
    return (letter.event_id, letter.reason, letter.detail, letter.attempts, *picture, claimed, raw, letter.decided_at)
