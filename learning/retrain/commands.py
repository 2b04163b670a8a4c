"""What `waste retrain` does: each function takes its options and the bench."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from contracts.tables import lines_of
from contracts.trainings import BY_HAND, Training, Trainings
from learning.retrain.retraining import Retraining


@dataclass(frozen=True, slots=True)
class Bench:
    """What the commands work with; `say` prints."""

    trainings: Trainings
    retraining: Callable[[], Retraining]
    who: str
    say: Callable[[str], object]


def start(options: argparse.Namespace, bench: Bench) -> int:
    """Ask for a training; ends with 1 if one is under way."""
    asked = bench.trainings.ask(bench.who, BY_HAND)
    if asked is None:
        bench.say("a training waits or runs already: `waste retrain list`\n")
        return 1
    if not options.here:
        bench.say(f"{asked}: asked for; a `waste slow` that runs takes it within a minute, `waste retrain run` does it here\n")
        return 0
    return run(options, bench)


def run(options: argparse.Namespace, bench: Bench) -> int:  # noqa: ARG001 - as all commands
    """Run the training that waits, here and now; ends with 1 if it did not give a candidate."""
    if not bench.retraining().take_one():
        bench.say("no training waits\n")
        return 1
    (last,) = bench.trainings.recent(1)
    bench.say(_line(last) + "\n")
    return 0 if last.version else 1


def cancel(options: argparse.Namespace, bench: Bench) -> int:  # noqa: ARG001 - as all commands
    """Cancel the training that waits or runs; ends with 1 if there is none."""
    cancelled = bench.trainings.cancel(bench.who)
    bench.say(f"{cancelled}: cancelled; if it runs, it stops at its next step\n" if cancelled else "no training waits or runs\n")
    return 0 if cancelled else 1


def list_trainings(options: argparse.Namespace, bench: Bench) -> int:
    """List the last trainings, with what came of them."""
    found = bench.trainings.recent(options.limit)
    if options.json:
        bench.say(json.dumps([asdict(one) for one in found], indent=1, default=str) + "\n")
        return 0
    rows = [("asked", "by", "because", "state", "step", "snapshot", "what came of it"), *map(_row, found)]
    bench.say("".join(lines_of(rows)) if found else "there was no training yet\n")
    return 0


def _row(one: Training) -> tuple[str, ...]:
    asked = (one.asked_at.strftime("%Y-%m-%d %H:%M"), one.asked_by, one.because, one.state.value)
    step = f"{one.step} {one.progress:.0%}" if one.ended_at is None else ""
    return (*asked, step, one.snapshot_id or "", _came(one))


def _line(one: Training) -> str:
    return f"{one.training_id}: {one.state}, {_came(one)}"


def _came(one: Training) -> str:
    if one.version:
        return one.version
    reasons = one.report.get("reasons")
    return "; ".join(map(str, reasons)) if isinstance(reasons, list) and reasons else str(one.report.get("error", ""))
