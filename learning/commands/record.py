"""What a training leaves behind: its record with the settings that were in force, the plots and the model."""

import argparse
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.errors import SettingsInvalid
from learning.commands.common import SHIPPED, say, warn
from learning.commands.plan import PLAN_OPTIONS, plan_of
from learning.datasets import Split
from learning.evaluate import Evaluation, headline_of
from learning.experiments import export_run
from learning.files import write_whole
from learning.report import plain
from learning.tools import Tools
from learning.tracking import MODEL, Run
from learning.train import Trained

_SAID_ELSEWHERE = {"command", "version", *PLAN_OPTIONS}


def record_of(
    options: argparse.Namespace, tools: Tools, trained: Trained, evaluation: Evaluation, digest: str, began: datetime
) -> dict[str, Any]:
    """Return the record of a run that ends now; `digest` is the SHA-256 (hex) of its model."""
    samples = trained.answers.samples
    return {
        "version": trained.card.version,
        "began": began.isoformat(timespec="milliseconds"),
        "ended": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "git_revision": tools.git_revision(),
        "parameters": parameters_of(options),
        "data": {
            "fingerprint": trained.card.data_fingerprint,
            "folders": [str(folder) for folder in options.data],
            "pictures": dict(sorted(Counter(f"{s.source}/{s.split}/{s.category or 'other'}" for s in samples).items())),
        },
        "model": {"sha256": digest} | trained.card.metadata(),
        "figures": plain(asdict(evaluation)),
    }


def parameters_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return what was in force, by name: with `--finetune` the whole plan, without it nothing of one."""
    asked = {name: value for name, value in vars(options).items() if name not in _SAID_ELSEWHERE}
    if options.no_cache:
        del asked["cache"]
    plan = asdict(plan_of(options)) if options.finetune else {"backbone": options.backbone or SHIPPED}
    in_force = {name: _plain(value) for name, value in (asked | plan).items() if value is not None}
    return {name: value for name, value in sorted(in_force.items()) if value is not False and value != []}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def leave_record(run: Run, tools: Tools, trained: Trained, evaluation: Evaluation, record: dict[str, Any]) -> None:
    """Write the record into the folder of a run, and copy it to a server if there is one; raises OSError."""
    write_whole(trained.model.SerializeToString(), run.folder / MODEL)  # not what another run may have put there meanwhile
    try:
        from learning.plots import draw_all
    except ImportError:
        say("no plots: they need the extra [plots]")
    else:
        judged = headline_of(trained.answers.where(trained.judging), Split(evaluation.splits[0]))
        draw_all(judged, evaluation, tools.decode, run.folder / "plots")
    run.end(record)
    say(f"record: {run.folder}")
    try:
        export_run(run)
    except SettingsInvalid as error:
        # The model is there and so is its record: a server that keeps copies must not undo that.
        warn("train", f"the run is not on the server: {error.detail}")
