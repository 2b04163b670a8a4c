"""`waste fleet sensors`: which bins are silent, and which of their events never came."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

from adapters.arguments import number_between
from adapters.environment import read_settings
from adapters.postgres import open_pool
from adapters.postgres_sensors import PostgresSensors
from adapters.settings import DatabaseSettings
from contracts.sensors import KnownSensor, Presence
from contracts.tables import lines_of

_SHOWN_RUNS = 3


def main(argv: list[str] | None = None) -> int:
    """Run a command on the fleet of bins; exit code 3 if `--fail` finds one silent or events lost."""
    parser = argparse.ArgumentParser(prog="waste fleet", description="The bins, as the service knows them.")
    commands = parser.add_subparsers(required=True, metavar="sensors")
    listing = commands.add_parser("sensors", help="list sensors: silent ones, lost events", description=__doc__.partition(": ")[2])
    listing.add_argument("--silent-after-h", type=number_between(0.01, 24 * 365), default=6.0, help="hours (default: 6)")
    listing.add_argument("--site", help="of this place or fleet alone")
    listing.add_argument("--troubled", action="store_true", help="those alone that are silent or have lost events")
    listing.add_argument("--fail", action="store_true", help="end with code 3 if there are any of those")
    listing.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    settings = read_settings(DatabaseSettings, os.environ)
    with open_pool(settings.database_url.get_secret_value(), name="waste-fleet", max_size=1) as pool:
        found = PostgresSensors(pool).sensors(options.site)
    silent_after_s = options.silent_after_h * 3600
    troubled = [one for one in found if one.lost or one.presence(silent_after_s) is Presence.SILENT]
    _print(troubled if options.troubled else found, silent_after_s, as_json=options.json)
    return 3 if options.fail and troubled else 0


def _print(sensors: Sequence[KnownSensor], silent_after_s: float, *, as_json: bool) -> None:
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
