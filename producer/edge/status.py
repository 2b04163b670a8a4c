"""How a bin's program is, read from its outbox, while it runs and while it does not."""

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from producer.edge.clocks import Moment, true_time
from producer.edge.shelf import read_only
from producer.edge.tables import times_of

_MOST_GAPS = 200
Fact = str | float | bool | None


def read_status(outbox: Path, now: Moment, *, running: bool) -> dict[str, object]:
    """Return the status of the outbox at a path; raises sqlite3.Error if there is none that can be read."""
    sql = read_only(outbox)
    try:
        return {"running": running, "outbox": str(outbox)} | gather(sql, now)
    finally:
        sql.close()


def gather(sql: sqlite3.Connection, now: Moment) -> dict[str, object]:
    """Return what an outbox tells of itself; times are seconds ago, by the service's clock where that is known."""
    anchors, boots = times_of(sql)
    now_s, known = true_time(now, anchors, boots)
    facts = dict(sql.execute("SELECT name, value FROM facts").fetchall())
    counts = dict(sql.execute("SELECT name, number FROM counts").fetchall())
    waiting, size = sql.execute("SELECT count(*), coalesce(sum(size), 0) FROM captures WHERE state = 'waiting'").fetchone()
    aside = sql.execute("SELECT sequence, name, why FROM captures WHERE state = 'aside' ORDER BY sequence DESC LIMIT 20").fetchall()
    oldest = sql.execute(
        "SELECT boot, since_boot_s, wall_s FROM captures WHERE state = 'waiting' ORDER BY sequence LIMIT 1"
    ).fetchone()
    contact_s = facts.get("last_contact_s")
    return {
        "sensor_id": facts.get("sensor_id"),
        "next_sequence": facts.get("next_sequence", 0),
        "waiting": waiting,
        "waiting_bytes": size,
        "oldest_s": None if oldest is None else round(max(0.0, now_s - true_time(Moment(*oldest), anchors, boots)[0]), 1),
        "last_contact_s": None if contact_s is None else round(max(0.0, now_s - contact_s), 1),
        "captured": counts.get("captured", 0),
        "sent": counts.get("sent", 0),
        "refused": _by_reason(counts, "refused_"),
        "dropped": _by_reason(counts, "dropped_"),
        "lost_disk_full": counts.get("lost_disk_full", 0),
        "unusable": counts.get("unusable", 0),
        "camera_failed": counts.get("camera_failed", 0),
        "aside": [{"sequence": sequence, "name": name, "why": why} for sequence, name, why in aside],
        "clock": known,
        "clock_offset_s": round(now_s - now.wall_s, 3) if anchors else None,
        "trouble": facts.get("trouble") or None,
        "last_error": facts.get("last_error"),
        "answers": {name: counts.get(f"answers_{name}", 0) for name in ("local", "compared", "agreed")},
        "gaps": gaps(sql),
    }


def _by_reason(counts: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): number for name, number in sorted(counts.items()) if name.startswith(prefix)}


def gaps(sql: sqlite3.Connection) -> str:
    """Return the numbers of dropped events as text, such as `3-17 too_old, 40 backlog`, the newest that fit into 200 letters."""
    text = ""
    for first, last, reason in sql.execute("SELECT first, last, reason FROM gaps ORDER BY first DESC"):
        run = f"{first} {reason}" if first == last else f"{first}-{last} {reason}"
        longer = f"{run}, {text}" if text else run
        if len(longer) > _MOST_GAPS - 5:
            return f"..., {text}"
        text = longer
    return text


def report_of(status: Mapping[str, object], version: str) -> dict[str, str | float | bool]:
    """Return what of a status a contact tells: few and flat facts for ops."""
    dropped, refused = status["dropped"], status["refused"]
    told: dict[str, object] = {
        "version": version,
        "clock": status["clock"],
        "clock_offset_s": status["clock_offset_s"],
        "spool": status["waiting"],
        "spool_bytes": status["waiting_bytes"],
        "oldest_s": status["oldest_s"],
        "sent": status["sent"],
        "lost_disk_full": status["lost_disk_full"],
        "unusable": status["unusable"],
        "camera_failed": status["camera_failed"],
        "gaps": status["gaps"],
    }
    if isinstance(dropped, Mapping) and isinstance(refused, Mapping):
        told |= {"dropped": sum(dropped.values())} | {f"dropped_{reason}": number for reason, number in dropped.items()}
        told |= {"refused": sum(refused.values())} | dict(list({f"refused_{k}": n for k, n in refused.items()}.items())[:10])
    answers = status["answers"]
    if isinstance(answers, Mapping) and answers["local"]:
        told |= {f"answers_{name}": number for name, number in answers.items()}
    return {name[:40]: value for name, value in told.items() if isinstance(value, str | int | float) and value != ""}


def as_text(status: Mapping[str, object]) -> str:
    """Return a status for people."""
    rows = [f"{name.replace('_', ' '):18} {_shown(name, value)}" for name, value in status.items()]
    return "\n".join(rows) + "\n"


def _shown(name: str, value: object) -> str:
    if value is None or value in ({}, [], ""):
        return "-"
    if name in {"oldest_s", "last_contact_s"} and isinstance(value, int | float):
        return f"{value:.0f} s ago ({datetime.fromtimestamp(datetime.now(UTC).timestamp() - value, UTC):%Y-%m-%d %H:%M:%S}Z)"
    if isinstance(value, Mapping):
        return ", ".join(f"{number} {reason}" for reason, number in value.items())
    if isinstance(value, list):
        return f"{len(value)}, the last: {json.dumps(value[0], ensure_ascii=False)}"
    return "yes" if value is True else "no" if value is False else str(value)
