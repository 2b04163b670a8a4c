"""How a bin's program is, read from its outbox, while it runs and while it does not."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from producer.edge.clocks import Moment, true_time
from producer.edge.shelf_files import read_only
from producer.edge.tables import times_of

_MOST_GAPS = 200


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
    contact_s, error_s = facts.get("last_contact_s"), facts.get("last_error_s")
    return {
        "sensor_id": facts.get("sensor_id"),
        "next_sequence": facts.get("next_sequence", 0),
        "waiting": waiting,
        "waiting_bytes": size,
        "oldest_s": None if oldest is None else round(max(0.0, now_s - true_time(Moment(*oldest), anchors, boots)[0]), 1),
        "last_contact_s": None if contact_s is None else round(max(0.0, now_s - contact_s), 1),
        "aside": [{"sequence": sequence, "name": name, "why": why} for sequence, name, why in aside],
        "clock": known,
        "clock_offset_s": round(now_s - now.wall_s, 3) if anchors else None,
        "trouble": facts.get("trouble") or None,
        "last_error": facts.get("last_error"),
        "last_error_ago_s": None if error_s is None else round(max(0.0, now_s - error_s), 1),
        "gaps": gaps(sql),
    } | _counted(counts)


def _counted(counts: Mapping[str, int]) -> dict[str, object]:
    return {
        "captured": counts.get("captured", 0),
        "sent": counts.get("sent", 0),
        "refused": _by_reason(counts, "refused_"),
        "dropped": _by_reason(counts, "dropped_"),
        "lost_disk_full": counts.get("lost_disk_full", 0),
        "unusable": counts.get("unusable", 0),
        "camera_failed": counts.get("camera_failed", 0),
        "answers": {name: counts.get(f"answers_{name}", 0) for name in ("local", "compared", "agreed")},
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


def as_text(status: Mapping[str, Any]) -> str:
    """Return a status for people."""
    offset_s, answers = status["clock_offset_s"], status["answers"]
    clock = "never compared with the service's" if offset_s is None else f"{_off(offset_s)}; events carry the service's time"
    agreed = f", {answers['agreed']} of {answers['compared']} as the fleet" if answers["compared"] else ""
    began = "" if status["last_error_ago_s"] is None else f" (began {_ago(status['last_error_ago_s'])})"
    oldest = "" if status["oldest_s"] is None else f", the oldest of {_ago(status['oldest_s'])}"
    rows = {
        "program": "runs" if status["running"] else "does not run",
        "sensor": f"{status['sensor_id']}, its next event is number {status['next_sequence']}",
        "waiting": f"{status['waiting']} events, {status['waiting_bytes'] / 1e6:.1f} MB{oldest}",
        "sent": f"{status['sent']} of {status['captured']}",
        "last contact": _ago(status["last_contact_s"]),
        "trouble": status["trouble"] or "none",
        "last trouble": (status["last_error"] or "none") + began,
        "refused": _reasons(status["refused"]),
        "dropped": _reasons(status["dropped"]),
        "numbers missing": status["gaps"] or "none",
        "not kept": f"{status['lost_disk_full']} (disk full), {status['unusable']} (no pictures)",
        "camera failed": f"{status['camera_failed']} times",
        "clock": clock,
        "answered here": f"{answers['local']}{agreed}",
    }
    lines = [f"{name:16} {text}" for name, text in rows.items()]
    lines += [f"put aside        number {one['sequence']} {one['name']}: {one['why']}" for one in status["aside"]]
    return "\n".join(lines) + "\n"


def _ago(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    unit, size = next(
        ((unit, size) for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)) if seconds >= 2 * size), ("s", 1)
    )
    return f"{seconds / size:.0f} {unit} ago"


def _off(seconds: float) -> str:
    return "right" if abs(seconds) < 1 else f"{abs(seconds):.0f} s {'behind' if seconds > 0 else 'ahead'}"


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {reason}" for reason, number in counts.items()) or "none"
