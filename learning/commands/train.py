"""`waste learn train`: a new head on a frozen backbone in seconds, or all layers anew."""

import argparse
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from adapters.arguments import file_to_write
from contracts.errors import SettingsInvalid
from learning.broken import extract_broken
from learning.commands.common import (
    FEW,
    SHIPPED,
    add_data,
    add_version,
    ask_broken,
    samples_of,
    say,
    share,
    version_of,
    warn,
    write_model,
)
from learning.commands.plan import PLAN_OPTIONS, add_plan, plan_of
from learning.commands.record import leave_record, record_of
from learning.datasets import DatasetInvalid, Sample, Split
from learning.duplicates import contradictions, labelled, near_duplicates, refuse, thumbprints, without_copies
from learning.evaluate import evaluate
from learning.export import read_backbone
from learning.feature_cache import FeatureCache, default_cache_folder
from learning.features import Features, extract_features
from learning.plan import Plan
from learning.preprocessing import Preprocessing
from learning.rendered import FOR_TRAINING
from learning.report import to_lines
from learning.tools import Tools
from learning.tracking import Run
from learning.train import Recipe, Trained, train_heads

Finetune = Callable[[Sequence[Sample], Preprocessing, Plan], onnx.ModelProto]
_SMOKE_PICTURES = 24
_SHOWN = 5
_JUDGING = (Split.VAL, Split.TEST)


def add(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--head", action="store_true", help="fit the heads alone, on the backbone as it is (default)")
    way.add_argument("--finetune", action="store_true", help="train all layers first; needs the extra [finetune]")
    add_data(parser, "70 %% of them to train, 15 %% to calibrate, 15 %% to test")
    parser.add_argument("--backbone", metavar="FILE", help=f"with --head: the model whose backbone is kept (default: {SHIPPED})")
    add_version(parser)
    parser.add_argument("--threshold", type=share, default=0.75, help="the confidence from which it is believed (default: 0.75)")
    parser.add_argument(
        "--drop-near-duplicates", action="store_true", help="leave out copies that train, or calibrate beside a test"
    )
    parser.add_argument(
        "--heads-only",
        action="append",
        default=[],
        metavar="SOURCE",
        help="with --finetune: a source with few pictures, learned by heart by all layers: only the heads see it; repeatable",
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="SOURCE",
        help="leave a source out, to see what a model is worth in a place that it has never seen; repeatable",
    )
    parser.add_argument("--out", type=file_to_write, required=True, metavar="FILE", help="the model to write")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="where records go (default: runs)")
    cache = default_cache_folder()
    parser.add_argument("--cache", type=Path, default=cache, metavar="DIR", help=f"where features are kept (default: {cache})")
    parser.add_argument("--no-cache", action="store_true", help="compute every feature again")
    tuning = parser.add_argument_group("with --finetune")
    add_plan(tuning)
    parser.add_argument("--smoke", action="store_true", help="a tiny run on rendered pictures, to see that all of it works")


def run(options: argparse.Namespace, tools: Tools) -> int:
    """Train, say what it gave, leave a record, write the model."""
    _refuse_what_would_be_ignored(options)
    version, finetune, began = version_of(options), _finetuning(options), datetime.now(UTC)
    options.runs.mkdir(parents=True, exist_ok=True)  # before an hour of training, not after it
    if options.smoke:
        _make_tiny(options)
    with samples_of(options, tools, FOR_TRAINING, 0.0) as found:
        samples = _checked(found, options, tools)
        _say_what_there_is(samples)
        trained = _train(options, tools, samples, version, finetune)
        split = Split.TEST if any(s.split is Split.TEST and s.category for s in samples) else Split.VAL
        digest = write_model(trained.model, options.out)
        spoiled = ask_broken(tools.open_classifier(options.out), [s for s in samples if s.split in _JUDGING], tools)
        evaluation = evaluate(trained.answers.where(trained.judging), headline=split, spoiled=spoiled)
        say(*to_lines(evaluation), "", f"{options.out}: sha256 {digest}, temperature {trained.card.temperature:.3f}")
        record = record_of(options, tools, trained, evaluation, digest, began)
        leave_record(Run.begin(options.runs, version, began), tools, trained, evaluation, record)
    return 0


def _refuse_what_would_be_ignored(options: argparse.Namespace) -> None:
    if options.finetune and options.backbone:
        raise SettingsInvalid("--backbone is for the heads alone: --finetune begins with the published weights")
    tuning = [name for name in (*PLAN_OPTIONS, "heads_only") if getattr(options, name) not in (None, [])]
    if tuning and not options.finetune:
        names = ", ".join("--" + name.replace("_", "-") for name in tuning)
        raise SettingsInvalid(f"{names}: heads alone are fitted in one go, this belongs to --finetune")


def _finetuning(options: argparse.Namespace) -> Finetune | None:
    """Return what trains all layers, if that is asked for; raises `SettingsInvalid` without PyTorch."""
    if not options.finetune:
        return None
    try:
        from learning.finetune import finetune
    except ImportError as error:
        raise SettingsInvalid(f"--finetune needs the extra [finetune]: {error}") from error
    return finetune


def _make_tiny(options: argparse.Namespace) -> None:
    options.rendered, options.no_cache = options.rendered or _SMOKE_PICTURES, True
    if options.finetune:
        options.epochs, options.pictures_per_epoch = 1, 64


def _checked(found: list[Sample], options: argparse.Namespace, tools: Tools) -> list[Sample]:
    sources = {sample.source for sample in found}
    for option, named in (("--heads-only", options.heads_only), ("--without", options.without)):
        if unknown := set(named) - sources:
            raise DatasetInvalid(f"{option}: no pictures of {', '.join(sorted(unknown))}, only of {', '.join(sorted(sources))}")
    found = [sample for sample in found if sample.source not in options.without]
    pairs = near_duplicates(found, thumbprints(found, tools.decode))
    if not options.drop_near_duplicates:
        refuse(pairs)
    for pair in contradictions(pairs)[:_SHOWN]:
        warn("train", f"alike under two labels, of which one must be wrong: {labelled(pair)}")
    samples = without_copies(found, pairs) if options.drop_near_duplicates else found
    if options.drop_near_duplicates:
        say(f"left out {len(found) - len(samples)} copies of pictures that judge")
    return samples


def _say_what_there_is(samples: Sequence[Sample]) -> None:
    counts = Counter((sample.source, sample.split.value) for sample in samples)
    say(", ".join(f"{source}/{split} {number}" for (source, split), number in sorted(counts.items())))
    held = sum(sample.split is Split.VAL for sample in samples)
    if 0 < held < FEW:
        warn("train", f"{held} pictures in val are few: under {FEW} the temperature and the thresholds fitted on them are guesses")


def _train(options: argparse.Namespace, tools: Tools, samples: list[Sample], version: str, finetune: Finetune | None) -> Trained:
    recipe = Recipe(version, options.threshold, tools.preprocessing.name, tools.git_revision())
    backbone = _backbone(options, tools, samples, finetune)
    with TemporaryDirectory() as folder, _open_cache(options, backbone, tools) as cache:
        path = Path(folder) / "backbone.onnx"
        path.write_bytes(backbone.SerializeToString())
        extract = tools.open_features(path)
        features: Features = extract_features(samples, tools.decode, extract, cache)
        nothing = extract_broken(samples, tools.decode, extract)
    return train_heads(features, nothing, backbone, recipe)


def _backbone(options: argparse.Namespace, tools: Tools, samples: list[Sample], finetune: Finetune | None) -> onnx.ModelProto:
    if finetune is None:
        chosen = tools.shipped if options.backbone in {None, SHIPPED} else Path(options.backbone)
        return read_backbone(chosen, tools.preprocessing.name)
    plan = plan_of(options)
    try:
        return finetune([one for one in samples if one.source not in options.heads_only], tools.preprocessing, plan)
    except KeyboardInterrupt:
        warn("train", _what_is_kept(plan))
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
        return FeatureCache.open(options.cache, backbone, tools.preprocessing.name)
    except sqlite3.Error as error:
        raise DatasetInvalid(f"{options.cache}: {error}; --no-cache does without") from error
