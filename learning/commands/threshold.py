"""`waste learn threshold`: the confidence from which a model decides alone, for a wished error rate or share for people."""

import argparse
import math
from pathlib import Path

import onnx

from adapters.arguments import file_to_write
from contracts.errors import SettingsInvalid
from learning.commands.common import (
    FEW,
    add_data,
    add_model,
    add_version,
    ask,
    model_path,
    samples_of,
    say,
    share,
    warn,
    write_model,
)
from learning.datasets import DatasetInvalid, Split
from learning.evaluate import Answers, Share
from learning.rendered import FOR_TESTING
from learning.selection import for_error, for_review
from learning.tools import Tools


def add(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    add_model(parser)
    add_data(parser, "of the split test, with seeds that no training uses")
    splits = [split.value for split in Split if split is not Split.OOD]
    parser.add_argument("--split", choices=splits, help="choose on it (default: val; test with --rendered alone)")
    wish = parser.add_mutually_exclusive_group(required=True)
    wish.add_argument("--error", type=share, metavar="E", help="at most this share of the decided may be wrong")
    wish.add_argument("--review-share", type=share, metavar="S", help="people can look at this share of the pictures")
    add_version(parser, "with --out: what predictions call the model with the new threshold")
    parser.add_argument("--out", type=file_to_write, metavar="FILE", help="write the model with the new threshold there")


def run(options: argparse.Namespace, tools: Tools) -> int:
    """Print the threshold and what it gives; write the model if asked to."""
    if options.out and not options.version:
        raise SettingsInvalid("--out needs --version: two models of one name cannot be told apart afterwards")
    split, path = _split(options), model_path(options, tools)
    classifier = tools.open_classifier(path)
    if options.out and (options.version == classifier.version or (options.out.exists() and options.out.samefile(path))):
        raise SettingsInvalid(f"--out and --version have to be others than the model's own, {path} and {classifier.version}")
    with samples_of(options, tools, FOR_TESTING, 0.0) as samples:
        chosen = [sample for sample in samples if sample.split is split and sample.category is not None]
        if not chosen:
            raise DatasetInvalid(f"no pictures of the five categories in {split}")
        answers, _ = ask(classifier, chosen, tools)
    if len(chosen) < FEW:
        warn("threshold", f"{len(chosen)} pictures are few: under {FEW} a threshold chosen on them promises little for others")
    if options.error is not None:
        choice = for_error(answers.belief, answers.correct, options.error)
    else:
        choice = for_review(answers.belief, answers.correct, options.review_share)
    threshold = _short(choice.threshold, answers)
    say(_told(answers, threshold))
    if options.out:
        say(f"{options.out}: sha256 {_rewrite(path, options.out, options.version, threshold)}")
    return 0


def _told(answers: Answers, threshold: float) -> str:
    decided = answers.belief >= threshold
    wrong = Share.of(~answers.correct[decided])
    return (
        f"threshold {_told_threshold(threshold)}: {decided.mean():.1%} of {len(decided)} pictures decided alone,"
        f" {wrong.value:.2%} of them wrong [{wrong.low:.2%} {wrong.high:.2%}]"
    )


def _short(threshold: float, answers: Answers) -> float:
    """Return it with six digits where that decides the same pictures, else as it is."""
    rounded = math.floor(threshold * 1e6) / 1e6  # rounded up, it would leave out the picture that it comes from
    between = (answers.belief >= rounded) & (answers.belief < threshold)
    return threshold if between.any() else rounded


def _told_threshold(threshold: float) -> str:
    return f"{threshold:.6f}" if round(threshold, 6) == threshold else repr(threshold)


def _split(options: argparse.Namespace) -> Split:
    if options.rendered and options.split not in {None, Split.TEST}:
        raise SettingsInvalid(f"--rendered makes pictures of the split test, and --split is {options.split}")
    if options.rendered and options.data and options.split is None:
        raise SettingsInvalid("--rendered makes pictures of the split test: with --data, say --split test to choose on both")
    return Split(options.split or (Split.VAL if options.data else Split.TEST))


def _rewrite(source: Path, out: Path, version: str, threshold: float) -> str:
    model = onnx.load(source)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, facts | {"version": version, "threshold": repr(threshold)})
    return write_model(model, out)
