"""`waste fleet sensors`: which bins are silent, and which of their events never came."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from contracts.sensors import KnownSensor, Presence
from contracts.tables import lines_of

_SHOWN_RUNS = 3


def troubled_of(sensors: Sequence[KnownSensor], silent_after_s: float) -> list[KnownSensor]:
    """Return those that are silent or have lost events."""
    return [one for one in sensors if one.lost or one.presence(silent_after_s) is Presence.SILENT]


def print_sensors(sensors: Sequence[KnownSensor], silent_after_s: float, *, as_json: bool) -> None:
    """Print them, as a table or as JSON."""
    if as_json:
        rows = [asdict(one) | {"presence": one.presence(silent_after_s).value, "lost": one.lost} for one in sensors]
        sys.stdout.write(json.dumps(rows, default=str, indent=1) + "\n")
        return
    table: list[tuple[str, ...]] = [("SENSOR", "SITE", "IS", "LAST HEARD", "LAST EVENT", "LOST", "WHICH", "BEGAN ANEW")]
    table.extend(_row(one, silent_after_s) for one in sensors)
    sys.stdout.writelines(lines_of(table))


def _row(one: KnownSensor, silent_after_s: float) -> tuple[str, ...]:
    runs = [f"{first}" if first == last else f"{first}-{last}" for first, last in one.missing]
    if one.tail:
        runs.append(f"the last {one.tail}")
    which = ", ".join(runs[-_SHOWN_RUNS:])
    if len(runs) > _SHOWN_RUNS:
        which = f"..., {which}"
    ago = (_ago(one.silent_s), _ago(one.quiet_s))
    return (one.sensor_id, one.site, one.presence(silent_after_s).value, *ago, str(one.lost), which, str(one.restarts))


def _ago(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
