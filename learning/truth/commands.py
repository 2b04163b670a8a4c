"""What `waste truth` does: each function takes its options and the bench."""

import argparse
import getpass
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import groupby

from contracts.accuracy import Decisions, Dimension, StratumCount
from contracts.alerts import SENSOR_FAULTY, Alert, Alerts
from contracts.estimates import Accuracy, estimate
from contracts.image_urls import S3Location
from contracts.ports import Clock
from contracts.tables import lines_of
from contracts.truth import Deliveries, Delivery, RowProblem, TruthJoins, TruthLedger
from contracts.truth_delivery import take_delivery
from learning.progress import bar
from learning.truth.camera_watch import CameraWatch
from learning.truth.files import read_rows
from learning.truth.joining import Joining
from learning.truth.looking import Looking
from learning.truth.watch import MATURE_S, AccuracyWatch
from learning.truth.watching import PrefixWatch

_TICKET = ("sensor", "fault", "since", "brightness", "sharpness", "confidence", "edge")
_ODD = ("observed (UTC)", "sensor", "plant", "batch", "reference", "it says", "people say", "event")
_WITHOUT = {Dimension.ACTUAL: "(no label)", Dimension.SITE: "(no site)"}
"""What a table calls the decisions that have no value of a dimension."""
_COLUMNS = ("", "accuracy", "95 % interval", "labels", "worth", "decided", "covered", "expected")


@dataclass(frozen=True, slots=True)
class Bench:
    """The ports that the commands work with; `say` prints."""

    ledger: TruthLedger
    joins: TruthJoins
    decisions: Decisions
    alerts: Alerts
    watch: AccuracyWatch
    cameras: CameraWatch
    deliveries: Callable[[S3Location], Deliveries]
    clock: Clock
    say: Callable[[str], object]


def import_file(options: argparse.Namespace, bench: Bench) -> int:
    """Take labels from a file; ends with 1 if a row was not taken."""
    with bar(read_rows(options.file), "labels", "row") as rows:
        found = take_delivery(rows, bench.ledger, bench.clock, source=options.source, name=options.file.name)
    bench.say(json.dumps(asdict(found), indent=1) + "\n" if options.json else _said(found))
    return 1 if found.rejected else 0


def watch_prefix(options: argparse.Namespace, bench: Bench) -> int:
    """Take the files that plants put into the object store; ends with 1 if a row was not taken."""
    rejected = taken = 0
    deliveries = bench.deliveries(options.place)
    for found in PrefixWatch(deliveries, bench.ledger, bench.clock).take():
        rejected, taken = rejected + found.rejected, taken + 1
        bench.say(f"{json.dumps(asdict(found))}\n" if options.json else f"{found.name.rpartition('#')[0]}: {_said(found)}")
    if not options.json:
        bench.say("" if taken else "no file there is new\n")
        bench.say("".join(f"{name}: not taken: {why}\n" for name, why in deliveries.passed_over))
    return 1 if rejected else 0


def join_all(options: argparse.Namespace, bench: Bench) -> int:
    """Join all labels that are to be joined."""
    joining, days = Joining(bench.joins), 0
    while taken := joining.take_one():
        days += taken
    contested = bench.joins.contest()
    said = f"{days} days of sensors were joined; people look once more at {contested} pictures\n"
    bench.say(json.dumps({"days": days, "contested": contested}) + "\n" if options.json else said)
    return 0


def list_odd(options: argparse.Namespace, bench: Bench) -> int:
    """List labels that are odd."""
    rows = bench.joins.odd(options.what, options.limit)
    if options.json:
        bench.say(json.dumps([dict(row) for row in rows], default=str, indent=1) + "\n")
        return 0
    if not rows:
        bench.say("there are none\n")
        return 0
    for line in lines_of([_ODD, *map(_odd, rows)]):
        bench.say(line)
    if len(rows) == options.limit:
        bench.say(f"the newest {options.limit}; more with --limit\n")
    return 0


def _odd(row: Mapping[str, object]) -> tuple[str, ...]:
    told = (row[name] for name in ("sensor_id", "source", "batch", "reference", "category", "people", "event_id"))
    return (f"{row['observed_at']:%Y-%m-%d %H:%M:%S}", *("" if one is None else str(one) for one in told))


def look(options: argparse.Namespace, bench: Bench) -> int:
    """Join, and see whether accuracy has fallen; ends with 3 while it has."""
    looked = Looking(bench.joins, bench.cameras, bench.watch).take()
    cameras, found = looked.cameras, looked.accuracy
    moved = {name: round(shift.index, 4) for name, shift in looked.shifts.items() if shift.warns}
    faulty = {one.subject: one.evidence.get("fault") for one in bench.alerts.standing(SENSOR_FAULTY)}
    said = {
        "shifted": moved,
        "faulty": faulty,
        "labels": found.labels,
        "accuracy": _number(found.accuracy),
        "strength": found.strength,
        "fires": found.fires,
    }
    state = "alert" if found.fires else "no alert"
    line = f"{found.labels} labels, {_percent(found.accuracy)} right, strength {found.strength:.3g}: {state}"
    line += "" if found.labels else f" (what is younger than {MATURE_S / 3600:g} hours does not count yet)"
    line += "".join(f"; {name} has shifted ({index})" for name, index in moved.items())
    line += f"; pictures of {len(cameras.changes)} sensors have shifted" if cameras.drifts else ""
    line += f"; faulty: {', '.join(f'{sensor} {fault}' for sensor, fault in faulty.items())}" if faulty else ""
    bench.say(f"{json.dumps(said) if options.json else line}\n")
    return 3 if found.fires else 0


def list_sensors(options: argparse.Namespace, bench: Bench) -> int:
    """List the sensors that have a ticket, or take what one shows from now on for usual."""
    if options.accept:
        had = bench.cameras.accept(options.accept, f"command line, {getpass.getuser()}")
        bench.say(f"{options.accept}: {'what it shows from now on is usual' if had else 'has no ticket'}\n")
        return 0 if had else 1
    found = bench.alerts.standing(SENSOR_FAULTY)
    if options.json:
        bench.say(json.dumps([asdict(one) for one in found], default=str, indent=1) + "\n")
        return 0
    for line in lines_of([_TICKET, *map(_ticket, found)]) if found else ["no sensor has a ticket\n"]:
        bench.say(line)
    return 0


def list_alerts(options: argparse.Namespace, bench: Bench) -> int:
    """List alerts."""
    found = bench.alerts.recent(options.limit)
    if options.json:
        bench.say(json.dumps([asdict(one) for one in found], default=str, indent=1) + "\n")
        return 0
    for one in found:
        state = f"until {one.resolved_at:%Y-%m-%d %H:%M}" if one.resolved_at else "open"
        bench.say(f"{one.fired_at:%Y-%m-%d %H:%M}  {one.kind} {one.subject}  {state}  {json.dumps(dict(one.evidence))[:300]}\n")
    if not found:
        bench.say("there was none\n")
    return 0


def accuracy(options: argparse.Namespace, bench: Bench) -> int:
    """Say how often the fleet is right."""
    until = bench.clock() - timedelta(hours=options.mature_h)
    since = until - timedelta(days=options.days)
    counts = bench.decisions.strata(since, until, options.by)
    found = by_value(counts)
    if options.json:
        rows = [_plain(options.by, value, told) for value, told in found]
        bench.say(json.dumps(rows, indent=1) + "\n")
        return 0
    if not found:
        bench.say(_nothing(since, until, options.mature_h))
        return 0
    rest = _WITHOUT.get(options.by, "all")
    for line in lines_of([_COLUMNS, *(_row(value or rest, told) for value, told in found)], numbers=True):
        bench.say(line)
    if not any(told.labels for _, told in found):
        bench.say(
            "no label has found one of these decisions yet; `waste truth join` or `look` joins what has come since the last one\n"
        )
    return 0


def _nothing(since: datetime, until: datetime, mature_h: float) -> str:
    awaited = f"; of the last {mature_h:g} hours labels are still awaited (--mature-h)" if mature_h else ""
    return f"nothing was decided then, from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC{awaited}\n"


def by_value(counts: Sequence[StratumCount]) -> list[tuple[str, Accuracy]]:
    """Return the accuracy for each value of a dimension."""
    strata: dict[str, list[StratumCount]] = defaultdict(list)
    for one in counts:
        strata[one.value].append(one)
    return [(value, estimate(found)) for value, found in strata.items()]


def _plain(by: Dimension, value: str, told: Accuracy) -> dict[str, str | float | None]:
    of: dict[str, str | float | None] = {} if by is Dimension.ALL else {by.value: value or None}
    return of | {name: _number(one) for name, one in asdict(told).items()}


def _row(value: str, told: Accuracy) -> tuple[str, ...]:
    interval = "-" if math.isnan(told.low) else f"{told.low:.1%} to {told.high:.1%}"
    return (
        value,
        _percent(told.value),
        interval,
        f"{told.labels}",
        f"{told.effective:.0f}",
        f"{told.decided}",
        _percent(told.covered),
        _percent(told.expected),
    )


def _ticket(alert: Alert) -> tuple[str, ...]:
    told = alert.evidence
    figures = (" -> ".join(map(str, told[name])) for name in _TICKET[3:6])  # type: ignore[call-overload]
    return (alert.subject, str(told["fault"]), str(told["since"])[:16], *figures, str(told["edge"]))


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1%}"


def _number(value: float) -> float | None:
    return None if isinstance(value, float) and math.isnan(value) else value


def _said(found: Delivery) -> str:
    lines = [f"{found.new} new, {found.repeated} repeated, {found.rejected} rejected"]
    lines += _runs(found.problems)
    if found.rejected > len(found.problems):
        lines.append(f"  and {found.rejected - len(found.problems)} more")
    return "\n".join(lines) + "\n"


def _runs(problems: Sequence[RowProblem]) -> Iterator[str]:
    """Yield a line for each run of rows with one problem: one column that is wrong would else fill the screen."""
    for problem, run in groupby(problems, lambda one: one.problem):
        places = [one.line for one in run]
        where = f"line {places[0]}: " if len(places) == 1 else f"lines {places[0]} to {places[-1]}, {len(places)} times: "
        yield f"  {where if places[0] else ''}{problem}"
