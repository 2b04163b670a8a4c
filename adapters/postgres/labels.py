"""Labels in Postgres: only ever added, each once, and what they amount to for their item."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row

from adapters.postgres.connections import Pool, connected
from adapters.postgres.review import EARLY_LABELS
from contracts.errors import LabelRefused
from contracts.labels import Choice, Effect, NewLabel, Origin, Purpose, resolve
from contracts.names import OutcomeKind

_ITEM = """
SELECT state, wanted, model_version, category, confidence, resolved,
    (SELECT choice FROM gold g WHERE g.event_id = r.event_id) AS gold
FROM review_items r WHERE event_id = %s FOR UPDATE OF r
"""
_KNOWN = """
SELECT (SELECT kind FROM outcomes WHERE event_id = %s), EXISTS (SELECT FROM events WHERE event_id = %s)
"""
_STANDING = "SELECT label_id, account_id, choice, purpose FROM standing_labels WHERE event_id = %s ORDER BY labelled_at, label_id"
_SAME_ID = "SELECT event_id, account_id, choice FROM labels WHERE label_id = %s"
_OWN = "SELECT label_id, choice FROM standing_labels WHERE event_id = %s AND account_id = %s"
_INSERT = """
INSERT INTO labels (label_id, event_id, account_id, choice, replaces, purpose, origin, labelled_at, took_ms, model_version,
    shown_category, shown_confidence, known)
VALUES (%s, %s, %s, %s, %s, %s, %s, least(%s, clock_timestamp()), %s, %s, %s, %s, %s)
"""
_SETTLE = """
UPDATE review_items SET state = %(state)s, resolved = %(answer)s,
    closed_at = CASE WHEN %(answer)s::text IS NULL THEN NULL ELSE coalesce(closed_at, now()) END
WHERE event_id = %(event)s
"""
# Another's lease stays: whoever looks at the picture may go on.
_LET_GO = """
UPDATE review_items SET lease_account = NULL, lease_desk = NULL, lease_until = NULL WHERE event_id = %s AND lease_account = %s
"""
_UNFILED = (
    "SELECT 1 FROM unnest(%s::uuid[]) u (event_id) WHERE NOT EXISTS (SELECT FROM review_items r WHERE r.event_id = u.event_id)"
)
_COUNTS = frozenset({Purpose.REVIEW, Purpose.EARLY})


class _Standing(NamedTuple):
    label_id: UUID
    account_id: UUID
    choice: str
    purpose: str


class _Known(NamedTuple):
    event_id: UUID
    account_id: UUID
    choice: str | None


class PostgresLabels:
    """Implements `contracts.review_ports.Labels`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def add(self, labels: Sequence[NewLabel]) -> list[Effect]:
        """Add labels, all or none, and return what each changed, in their order.

        Raises LabelRefused for an event that nobody knows or that failed, and a label that replaces none of this person's
        standing ones.
        """
        effects: dict[UUID, Effect] = {}
        with connected(self._pool) as connection, connection.transaction():
            if connection.execute(_UNFILED, ([label.event_id for label in labels],)).fetchone():
                # Before any row is locked, as filing does it. Kept to the end: filing, which shares it, comes wholly
                # before these labels or after.
                connection.execute(f"SELECT pg_advisory_xact_lock({EARLY_LABELS})")
            for label in sorted(labels, key=lambda label: label.event_id):  # one order, so that nobody waits in a ring
                effects[label.label_id] = _add(connection, label)
        return [effects[label.label_id] for label in labels]

    def own(self, event_id: UUID, account_id: UUID) -> tuple[UUID, Choice] | None:
        """Return the id and the answer of a person's standing label on an item."""
        with connected(self._pool) as connection:
            found = connection.execute(_OWN, (event_id, account_id)).fetchone()
        return found and (found[0], Choice(found[1]))


def _add(connection: Connection[TupleRow], label: NewLabel) -> Effect:
    item = _locked_item(connection, label.event_id)
    standing = [_Standing(*row) for row in connection.execute(_STANDING, (label.event_id,))]
    own = next((one for one in standing if one.account_id == label.account_id), None)
    if known := connection.execute(_SAME_ID, (label.label_id,)).fetchone():
        return _again(label, _Known(*known), own)
    if label.replaces is None and label.choice is None:
        raise LabelRefused("choice", "is missing, and no label is taken back")
    if label.replaces is None and own:
        return Effect.REPEATED if own.choice == label.choice else Effect.DIFFERS
    if label.replaces is not None and (own is None or own.label_id != label.replaces):
        raise LabelRefused("replaces", f"{label.replaces} is no standing label of this person on item {label.event_id}")
    if own and own.choice == label.choice:
        return Effect.REPEATED
    purpose = Purpose(own.purpose) if own else _purpose(item)
    shown = (item["model_version"], item["category"], item["confidence"]) if item else (None, None, None)
    known = item["gold"] if item and purpose == Purpose.GOLD else None
    values = (label.label_id, label.event_id, label.account_id, label.choice, label.replaces, purpose, label.origin)
    connection.execute(_INSERT, (*values, label.labelled_at, label.took_ms, *shown, known))
    connection.execute(_LET_GO, (label.event_id, label.account_id))
    if item is None or purpose == Purpose.GOLD:
        return Effect.COUNTED
    return _settle(connection, label.event_id, item, was_closed=item["state"] != "open")


def _again(label: NewLabel, known: _Known, own: _Standing | None) -> Effect:
    """Return what a label with a known id is: the same once more, or another answer that would have gone the same way.

    A file that went out may come back in another person's name; nothing else may.
    """
    if known.event_id != label.event_id or (known.account_id != label.account_id and label.origin is not Origin.IMPORT):
        raise LabelRefused("label_id", f"{label.label_id} is another label's")
    same = known.choice == label.choice or (own is not None and own.choice == label.choice)
    return Effect.REPEATED if same else Effect.DIFFERS


def _locked_item(connection: Connection[TupleRow], event_id: UUID) -> dict[str, Any] | None:
    with connection.cursor(row_factory=dict_row) as cursor:
        if item := cursor.execute(_ITEM, (event_id,)).fetchone():
            return item
        kind, accepted = connection.execute(_KNOWN, (event_id, event_id)).fetchone() or (None, False)
        if kind == OutcomeKind.FAILURE or (kind is None and not accepted):
            # In the same words: who may not see failures shall not learn of one by its id.
            raise LabelRefused("event_id", f"{event_id} is not known here, or a failure, which has no picture to judge")
        return None


def _purpose(item: dict[str, Any] | None) -> Purpose:
    if item is None:
        return Purpose.EARLY
    if item["state"] == "open":
        return Purpose.REVIEW
    return Purpose.GOLD if item["gold"] else Purpose.LATE


def _settle(connection: Connection[TupleRow], event_id: UUID, item: dict[str, Any], *, was_closed: bool) -> Effect:
    standing = [_Standing(*row) for row in connection.execute(_STANDING, (event_id,))]
    counted = [Choice(one.choice) for one in standing if one.purpose in _COUNTS]
    late = [Choice(one.choice) for one in standing if one.purpose == Purpose.LATE]
    found = resolve(counted, item["wanted"])
    while found.answer is None and late:  # who answered late is not asked again: what he said counts when it is wanted
        counted.append(late.pop(0))
        found = resolve(counted, item["wanted"])
    if was_closed and found.answer == item["resolved"]:
        return Effect.KEPT
    state = "labelled" if found.answer else "open"
    connection.execute(_SETTLE, {"state": state, "answer": found.answer, "event": event_id})
    if found.answer:
        return Effect.CLOSED
    return Effect.REOPENED if was_closed else Effect.COUNTED
