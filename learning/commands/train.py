"""`waste learn train`: a new head on a frozen backbone in seconds, or all layers anew."""

import argparse
import sqlite3
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx

from adapters.arguments import file_to_write
from contracts.errors import SettingsInvalid
from learning.broken import extract_broken
from learning.commands.common import SHIPPED, add_data, samples_of, say, share, write_model
from learning.commands.plan import add_plan, plan_of
from learning.datasets import DatasetInvalid, Sample, Split
from learning.duplicates import near_duplicates, refuse, thumbprints, without_copies
from learning.evaluate import Evaluation, evaluate
from learning.experiments import export_run
from learning.export import read_backbone
from learning.feature_cache import FeatureCache, default_cache_folder
from learning.features import Features, extract_features
from learning.plan import Plan
from learning.rendered import FOR_TRAINING
from learning.report import plain, to_lines
from learning.tools import Tools
from learning.tracking import MODEL, Run
from learning.train import Recipe, Trained, train_heads

_SMOKE_PICTURES = 24


def add(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--head", action="store_true", help="fit the heads alone, on the backbone as it is (default)")
    way.add_argument("--finetune", action="store_true", help="train all layers first; needs the extra [finetune]")
    add_data(parser, "70 %% of them to train, 15 %% to calibrate, 15 %% to test")
    parser.add_argument(
        "--backbone", default=SHIPPED, metavar="FILE", help=f"with --head: the model whose backbone is kept (default: {SHIPPED})"
    )
    parser.add_argument("--version", help="what predictions call the model (default: the name of the file)")
    parser.add_argument("--threshold", type=share, default=0.75, help="the confidence from which it is believed (default: 0.75)")
    parser.add_argument("--drop-near-duplicates", action="store_true", help="leave out training copies of pictures that judge")
    parser.add_argument(
        "--heads-only",
        action="append",
        default=[],
        metavar="SOURCE",
        help="a source with few pictures, which all layers would learn by heart: only the heads see it; repeatable",
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="SOURCE",
        help="leave a source out, to see what a model is worth in a place that it has never seen; repeatable",
    )
    parser.add_argument("--out", type=file_to_write, required=True, metavar="FILE", help="the model to write")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="where each run leaves its record (runs)")
    parser.add_argument("--cache", type=Path, default=default_cache_folder(), metavar="DIR", help="where features are kept")
    parser.add_argument("--no-cache", action="store_true", help="compute every feature again")
    tuning = parser.add_argument_group("with --finetune")
    add_plan(tuning)
    parser.add_argument("--smoke", action="store_true", help="a tiny run on rendered pictures, to see that all of it works")


def run(options: argparse.Namespace, tools: Tools) -> int:
    """Train, say what it gave, leave a record, write the model."""
    if options.smoke:
        _make_tiny(options)
    version, began = options.version or options.out.stem, datetime.now(UTC)
    with samples_of(options, tools, FOR_TRAINING, 0.0) as found:
        samples = _checked(found, options, tools)
        _say_what_there_is(samples)
        trained = _train(options, tools, samples, version)
        split = Split.TEST if any(s.split is Split.TEST and s.category for s in samples) else Split.VAL
        evaluation = evaluate(trained.answers.where(trained.judging), headline=split)
        digest = write_model(trained.model, options.out)
        say(*to_lines(evaluation), "", f"{options.out}: sha256 {digest}, temperature {trained.card.temperature:.3f}")
        record = _record(options, tools, trained, evaluation, digest, began)
        _leave_record(Run.begin(options.runs, version, began), options, tools, trained, evaluation, record)
    return 0


def _make_tiny(options: argparse.Namespace) -> None:
    options.rendered = options.rendered or _SMOKE_PICTURES
    options.epochs, options.pictures_per_epoch, options.no_cache = 1, 64, True


def _checked(found: list[Sample], options: argparse.Namespace, tools: Tools) -> list[Sample]:
    sources = {sample.source for sample in found}
    for option, named in (("--heads-only", options.heads_only), ("--without", options.without)):
        if unknown := set(named) - sources:
            raise DatasetInvalid(f"{option}: no pictures of {', '.join(sorted(unknown))}, only of {', '.join(sorted(sources))}")
    found = [sample for sample in found if sample.source not in options.without]
    pairs = near_duplicates(found, thumbprints(found, tools.decode))
    if options.drop_near_duplicates:
        return without_copies(found, pairs)
    refuse(pairs)
    return found


def _say_what_there_is(samples: Sequence[Sample]) -> None:
    counts = Counter((sample.source, sample.split.value) for sample in samples)
    say(", ".join(f"{source}/{split} {number}" for (source, split), number in sorted(counts.items())))


def _train(options: argparse.Namespace, tools: Tools, samples: list[Sample], version: str) -> Trained:
    recipe = Recipe(version, options.threshold, tools.preprocessing, tools.git_revision())
    backbone = _backbone(options, tools, samples)
    with TemporaryDirectory() as folder, _open_cache(options, backbone, tools) as cache:
        path = Path(folder) / "backbone.onnx"
        path.write_bytes(backbone.SerializeToString())
        extract = tools.open_features(path)
        features: Features = extract_features(samples, tools.decode, extract, cache)
        nothing = extract_broken(samples, tools.decode, extract)
    return train_heads(features, nothing, backbone, recipe)


def _backbone(options: argparse.Namespace, tools: Tools, samples: list[Sample]) -> onnx.ModelProto:
    if not options.finetune:
        return read_backbone(tools.shipped if options.backbone == SHIPPED else Path(options.backbone))
    try:
        from learning.finetune import finetune
    except ImportError as error:
        raise SettingsInvalid(f"--finetune needs the extra [finetune]: {error}") from error
    plan = plan_of(options)
    try:
        return finetune([one for one in samples if one.source not in options.heads_only], tools.decode, plan)
    except KeyboardInterrupt:
        sys.stderr.write(f"waste learn train: {_what_is_kept(plan)}\n")
        raise


def _what_is_kept(plan: Plan) -> str:
    if plan.checkpoint is None:
        return "stopped, and nothing is kept; with --resume FILE each epoch is, and the same command goes on from it"
    if not plan.checkpoint.exists():
        return f"stopped before the first epoch ended: there is no {plan.checkpoint} yet, and nothing is kept"
    return f"stopped; {plan.checkpoint} has the run as of its last whole epoch, and the same command goes on from there"


def _open_cache(
    options: argparse.Namespace, backbone: onnx.ModelProto, tools: Tools
) -> AbstractContextManager[FeatureCache | None]:
    if options.no_cache:
        return nullcontext()
    try:
        return FeatureCache.open(options.cache, backbone, tools.preprocessing)
    except sqlite3.Error as error:
        raise DatasetInvalid(f"{options.cache}: {error}; --no-cache does without") from error


def _record(
    options: argparse.Namespace, tools: Tools, trained: Trained, evaluation: Evaluation, digest: str, began: datetime
) -> dict[str, Any]:
    samples = trained.answers.samples
    return {
        "version": trained.card.version,
        "began": began.isoformat(timespec="seconds"),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_revision": tools.git_revision(),
        "parameters": {
            name: str(value) for name, value in sorted(vars(options).items()) if name != "run" and value not in (None, [], False)
        },
        "data": {
            "fingerprint": trained.card.data_fingerprint,
            "folders": [str(folder) for folder in options.data],
            "pictures": dict(sorted(Counter(f"{s.source}/{s.split}/{s.category or 'other'}" for s in samples).items())),
        },
        "model": {"sha256": digest} | trained.card.metadata(),
        "figures": plain(asdict(evaluation)),
    }


def _leave_record(
    run: Run, options: argparse.Namespace, tools: Tools, trained: Trained, evaluation: Evaluation, record: dict[str, Any]
) -> None:
    run.keep(options.out, MODEL)
    try:
        from learning.plots import draw_all
    except ImportError:
        say("no plots: they need the extra [plots]")
    else:
        draw_all(trained.answers.where(trained.judging), evaluation, tools.decode, run.folder / "plots")
    run.end(record)
    say(f"record: {run.folder}")
    try:
        export_run(run)
    except SettingsInvalid as error:
        # The model is there and so is its record: a server that keeps copies must not undo that.
        sys.stderr.write(f"waste learn train: {error}\n")
