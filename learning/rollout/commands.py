"""What `waste model` does: each function takes its options and the bench."""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from contracts.models import Model, ModelState, Registry, WorkerState
from contracts.moves import Moves
from contracts.tables import lines_of
from learning.rollout.registering import Registrar

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Bench:
    """What the commands work with; `say` prints."""

    registry: Registry
    registrar: Callable[[], Registrar]
    moves: Moves
    say: Say


def add(options: argparse.Namespace, bench: Bench) -> int:
    """Put a model's file into the registry, as a candidate."""
    file, new = bench.registrar().add(options.file, bench.moves.who)
    bench.say(f"{file.version}: {'added as a candidate' if new else 'is in the registry already'} ({file.sha256})\n")
    return 0


def list_models(options: argparse.Namespace, bench: Bench) -> int:
    """List models, what is in force, and which workers serve something else."""
    models, plan, workers = bench.registry.models(), bench.registry.plan(), bench.registry.workers()
    if options.json:
        told = {
            "revision": plan.revision,
            "canary_share": plan.canary_share,
            "shadow_share": plan.shadow_share,
            "pinned_by": bench.registry.pinned_by(),
        }
        _tell(bench, told | {"models": [_plain(one) for one in models], "workers": [asdict(one) for one in workers]})
        return 0
    rows = [("version", "state", "threshold", "added", "by", "data", "parent"), *map(_row, models)]
    bench.say("".join(lines_of(rows)) if models else "no models: workers use the one that they came with\n")
    if plan.canary:
        bench.say(f"canary on {plan.canary_share:.0%} of the events\n")
    if plan.shadow:
        bench.say(f"shadow on the pictures of {plan.shadow_share:.0%} of the sensors\n")
    if who := bench.registry.pinned_by():
        bench.say(f"pinned by {who}: nothing moves by itself\n")
    bench.say("".join(_of_workers(workers, plan.revision)))
    return 0


def show(options: argparse.Namespace, bench: Bench) -> int:
    """Show all of one model, and how it came where it is."""
    bench.moves.state_of(options.version)
    (model,) = (one for one in bench.registry.models() if one.file.version == options.version)
    moves = bench.registry.moves(options.version)
    if options.json:
        _tell(bench, _plain(model) | {"moves": [asdict(one) for one in moves]})
        return 0
    bench.say(json.dumps(_plain(model), indent=1, default=str) + "\n\n")
    rows = [("when", "from", "to", "who", "why")]
    rows += [(_when(one.acted_at), one.before, one.after, one.actor, one.because) for one in moves]
    bench.say("".join(lines_of(rows)))
    return 0


def promote(options: argparse.Namespace, bench: Bench) -> int:
    """Make a model the champion."""
    return _moved(options, bench, ModelState.CHAMPION)


def try_out(options: argparse.Namespace, bench: Bench) -> int:
    """Put a model on trial."""
    bench.moves.may_move(options.version, options.role)  # or a slip would widen the trial that runs
    if options.share is not None:
        shares = {"canary": options.share} if options.role is ModelState.CANARY else {"shadow": options.share}
        bench.registry.set_shares(**shares)
    return _moved(options, bench, options.role)


def retire(options: argparse.Namespace, bench: Bench) -> int:
    """Take a model out of a trial, or a candidate out of the list of those that may come."""
    return _moved(options, bench, ModelState.RETIRED)


def _moved(options: argparse.Namespace, bench: Bench, target: ModelState) -> int:
    before = bench.moves.move(options.version, target, options.because)
    bench.say(f"{options.version}: {before} -> {target}; in force in every worker within five seconds\n")
    return 0


def roll_back(options: argparse.Namespace, bench: Bench) -> int:
    """Bring back the champion before this one."""
    gone, back = bench.moves.roll_back(options.because, options.of)
    bench.say(f"{gone} is retired, {back or 'the model that each worker came with'} decides; within five seconds everywhere\n")
    return 0


def pin(options: argparse.Namespace, bench: Bench) -> int:  # noqa: ARG001 - as all commands
    """Have nothing move by itself: no promotion, no trial, no roll-back but those by hand and of models that fail."""
    bench.registry.pin(bench.moves.who)
    bench.say("pinned: models move by hand alone until `waste model unpin`\n")
    return 0


def unpin(options: argparse.Namespace, bench: Bench) -> int:  # noqa: ARG001 - as all commands
    """Let models move by themselves again."""
    bench.registry.pin(None)
    bench.say("not pinned any more\n")
    return 0


def _of_workers(workers: list[WorkerState], revision: int) -> Iterator[str]:
    behind = [one for one in workers if one.revision != revision or one.problem]
    if behind:
        yield f"{len(workers)} workers, {len(behind)} of which serve something else\n"
    else:
        yield "1 worker serves it\n" if len(workers) == 1 else f"{len(workers)} workers serve it\n"
    for one in behind:
        yield f"  {one.host}/{one.pid}: {one.model_version} (revision {one.revision} of {revision}) {one.problem}".rstrip() + "\n"


def _row(model: Model) -> tuple[str, ...]:
    threshold = model.facts.get("threshold")
    shown = f"{threshold:.4f}" if isinstance(threshold, float | int) else ""
    added = (_when(model.added_at), model.added_by, model.snapshot_id or "", model.parent or "")
    return (model.file.version, model.state.value, shown, *added)


def _when(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _plain(model: Model) -> dict[str, Any]:
    said = asdict(model)
    file: dict[str, Any] = said.pop("file")
    return file | said


def _tell(bench: Bench, said: Mapping[str, Any]) -> None:
    bench.say(json.dumps(said, indent=1, default=str) + "\n")
