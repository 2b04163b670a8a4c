"""What the outbox's tables hold, row by row: each function works within a transaction of whoever calls it."""

import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.errors import FleetError
from contracts.picture_keys import ENDINGS
from producer.edge.clocks import UNKNOWN_BOOT, Anchor, Boot, Moment, believed

DAMAGED = "damaged"
KEPT_GAPS = 1000
_KEPT_ANCHORS = 1000
_KEPT_BOOTS = 200
COLUMNS = "sequence, event_id, boot, since_boot_s, wall_s, content_type, size, near, image_url, body, remade"


class RowDamaged(FleetError):
    """An event's row holds what this program has not written."""

    reason = DAMAGED


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
    """Return an event of a row of COLUMNS; raises RowDamaged for one that this program has not written like that.

    SQLite keeps no checksums: what a card turns into something else within a row comes back as if it were meant.
    """
    sequence, event_id, boot, since_boot_s, wall_s, content_type, size, near, image_url, body, remade = row
    types = (bytes, str, float, float, str, int, int, str | None, bytes | None, int)
    for value, known in zip(row[1:], types, strict=True):
        if not isinstance(value, known):
            raise RowDamaged(f"{value!r:.50} in an event's row")
    if len(event_id) != 16 or UUID(bytes=event_id).version != 7 or content_type not in ENDINGS:
        raise RowDamaged("its id or its media type is none")
    return Kept(
        sequence, UUID(bytes=event_id), Moment(boot, since_boot_s, wall_s), content_type, size, bool(near), image_url, body, remade
    )


def rows_waiting(
    sql: sqlite3.Connection, now: Moment, live_s: float, most: int, *, live: bool, besides: Sequence[int]
) -> list[Sequence[Any]]:
    """Return rows of COLUMNS: of the last `live_s` the newest first, or of those before them the oldest first."""
    if live:
        where, order = "boot = ? AND since_boot_s > ?", "sequence DESC"
    else:
        where, order = "NOT (boot = ? AND since_boot_s > ?)", "sequence"
    return sql.execute(
        f"SELECT {COLUMNS} FROM captures WHERE state = 'waiting' AND {where}"  # noqa: S608
        f" AND sequence NOT IN (SELECT value FROM json_each(?)) ORDER BY {order} LIMIT ?",
        (now.boot, now.since_boot_s - live_s, json.dumps(list(besides)), most),
    ).fetchall()


def delete(sql: sqlite3.Connection, sequence: int) -> int:
    """Delete an event; return the bytes that it took, 0 if it was gone."""
    row = sql.execute("DELETE FROM captures WHERE sequence = ? RETURNING size", (sequence,)).fetchone()
    sql.execute("DELETE FROM images WHERE sequence = ?", (sequence,))
    return row[0] if row and isinstance(row[0], int) else 0


def drop(sql: sqlite3.Connection, sequence: int, reason: str) -> int:
    """Delete an event, count it and note its number; return the bytes that it took. Nothing, if it was gone."""
    if sql.execute("SELECT 1 FROM captures WHERE sequence = ?", (sequence,)).fetchone() is None:
        return 0
    add_to(sql, f"dropped_{reason}", 1)
    note_gap(sql, sequence, reason)
    return delete(sql, sequence)


def let_go_of_sent(sql: sqlite3.Connection, sent: Sequence[Kept]) -> int:
    """Delete events that the gateway has and count them; return the bytes that they took."""
    present = [kept for kept in sent if delete(sql, kept.sequence)]
    add_to(sql, "sent", len(present))
    sql.executemany("UPDATE answers SET sent = 1 WHERE event_id = ?", [(kept.event_id.bytes,) for kept in present])
    return sum(kept.size for kept in present)


def set_aside(sql: sqlite3.Connection, sequence: int, kind: str, detail: str) -> None:
    """Put an event aside, count it and note its number."""
    why = f"{kind}: {detail}"[:300]
    sql.execute("UPDATE captures SET state = 'aside', why = ? WHERE sequence = ?", (why, sequence))
    add_to(sql, "refused_" + re.sub("[^a-z0-9]", "_", kind.lower())[:30], 1)
    note_gap(sql, sequence, f"refused_{kind}"[:40])


def let_go_of_aside(sql: sqlite3.Connection, which: str, values: Sequence[int]) -> int:
    """Delete those events that were put aside and that `which` (ORDER BY ...) leaves; return the bytes that they took."""
    rows = sql.execute(f"SELECT sequence FROM captures WHERE state = 'aside' {which}", values).fetchall()  # noqa: S608
    add_to(sql, "aside_let_go", len(rows))
    return sum(delete(sql, sequence) for (sequence,) in rows)


def anchors_of(sql: sqlite3.Connection, boot: str) -> list[Anchor]:
    """Return all measurements of a boot, in their order."""
    text = "SELECT boot, since_boot_s, server_s, error_s, wall_s FROM anchors WHERE boot = ? ORDER BY number"
    return [Anchor(*row) for row in sql.execute(text, (boot,)).fetchall()]


def add_anchor(sql: sqlite3.Connection, at: Moment, anchor: Anchor) -> None:
    """Keep a measurement of a moment, and of measurements and boots the newest ones alone."""
    see_boot(sql, at)
    sql.execute(
        "INSERT INTO anchors (boot, since_boot_s, server_s, error_s, wall_s) VALUES (?, ?, ?, ?, ?)",
        (anchor.boot, anchor.since_boot_s, anchor.server_s, anchor.error_s, anchor.wall_s),
    )
    sql.execute("DELETE FROM anchors WHERE number <= (SELECT max(number) FROM anchors) - ?", (_KEPT_ANCHORS,))
    sql.execute("DELETE FROM boots WHERE number <= (SELECT max(number) FROM boots) - ?", (_KEPT_BOOTS,))


def storable(name: str) -> str:
    """Return a file's name as text that SQLite takes: names are bytes, and not always UTF-8."""
    return name.encode(errors="replace").decode()[:200]


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
