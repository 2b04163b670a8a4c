"""What the outbox's tables hold, row by row: each function works within a transaction of whoever calls it."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from producer.edge.clocks import UNKNOWN_BOOT, Anchor, Boot, Moment, believed

KEPT_GAPS = 1000
COLUMNS = "sequence, event_id, boot, since_boot_s, wall_s, content_type, size, near, image_url, body, remade"


@dataclass(frozen=True, slots=True)
class Kept:
    """An event in the outbox. `body` is what was sent for it, from the first try on; `near` says that one before looked like it."""

    sequence: int
    event_id: UUID
    at: Moment
    content_type: str
    size: int
    near: bool
    image_url: str | None
    body: bytes | None
    remade: int


def times_of(sql: sqlite3.Connection) -> tuple[list[Anchor], list[Boot]]:
    """Return the measurements that are believed and the boots that an outbox knows, in their order."""
    anchors = sql.execute("SELECT boot, since_boot_s, server_s, error_s, wall_s FROM anchors ORDER BY number").fetchall()
    boots = sql.execute("SELECT boot, last_s FROM boots ORDER BY number").fetchall()
    return believed([Anchor(*row) for row in anchors]), [Boot(*row) for row in boots]


def kept_of(row: Sequence[Any]) -> Kept:
    """Return an event of a row of COLUMNS."""
    sequence, event_id, boot, since_boot_s, wall_s, content_type, size, near, image_url, body, remade = row
    return Kept(
        sequence, UUID(bytes=event_id), Moment(boot, since_boot_s, wall_s), content_type, size, bool(near), image_url, body, remade
    )


def delete(sql: sqlite3.Connection, sequence: int) -> int:
    """Delete an event; return the bytes that it took, 0 if it was gone."""
    row = sql.execute("DELETE FROM captures WHERE sequence = ? RETURNING size", (sequence,)).fetchone()
    sql.execute("DELETE FROM images WHERE sequence = ?", (sequence,))
    return 0 if row is None else int(row[0])


def see_boot(sql: sqlite3.Connection, at: Moment) -> None:
    """Note that a boot lasted at least until a moment."""
    if at.boot == UNKNOWN_BOOT:
        return
    sql.execute(
        "INSERT INTO boots (boot, last_s) VALUES (?, ?) ON CONFLICT (boot) DO UPDATE SET last_s = max(last_s, excluded.last_s)",
        (at.boot, at.since_boot_s),
    )


def note_gap(sql: sqlite3.Connection, sequence: int, reason: str) -> None:
    """Note that an event was dropped, and why."""
    joined = sql.execute("UPDATE gaps SET last = ? WHERE last = ? AND reason = ?", (sequence, sequence - 1, reason)).rowcount
    if not joined:
        sql.execute("INSERT OR REPLACE INTO gaps VALUES (?, ?, ?)", (sequence, sequence, reason))
        sql.execute("DELETE FROM gaps WHERE first IN (SELECT first FROM gaps ORDER BY first DESC LIMIT -1 OFFSET ?)", (KEPT_GAPS,))


def fact_of(sql: sqlite3.Connection, name: str, default: Any) -> Any:
    """Return what is remembered under a name."""
    row = sql.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return default if row is None else row[0]


def set_facts(sql: sqlite3.Connection, **facts: str | float | None) -> None:
    """Remember facts."""
    sql.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", list(facts.items()))


def add_to(sql: sqlite3.Connection, name: str, number: int) -> None:
    """Add to a count."""
    if number:
        sql.execute(
            "INSERT INTO counts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET number = number + excluded.number", (name, number)
        )
