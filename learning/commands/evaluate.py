"""`waste learn evaluate`: what a model is worth on labelled pictures."""

import argparse
import hashlib
from pathlib import Path

from contracts.errors import SettingsInvalid
from learning.commands.common import add_data, add_drift, ask, ask_broken, samples_of, say, write_whole
from learning.datasets import DatasetInvalid, Split
from learning.evaluate import Answers, Evaluation, evaluate
from learning.rendered import FOR_TESTING
from learning.report import to_json, to_lines
from learning.tools import Tools

_JUDGING = (Split.VAL, Split.TEST, Split.OOD)


def add(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("model", type=Path)
    add_data(parser, "with seeds that no training uses")
    add_drift(parser)
    parser.add_argument(
        "--split",
        type=Split,
        choices=tuple(Split),
        action="append",
        help="repeatable; default: test for the figures, with val and ood beside it",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write the plots there")


def run(options: argparse.Namespace, tools: Tools) -> int:
    """Print the tables and write what is asked for."""
    classifier = tools.open_classifier(options.model)
    wanted = options.split or _JUDGING
    with samples_of(options, tools, FOR_TESTING, options.drift) as samples:
        chosen = [sample for sample in samples if sample.split in wanted]
        if not chosen:
            raise DatasetInvalid(f"no pictures in {', '.join(wanted)}")
        answers, milliseconds = ask(classifier, chosen, tools)
        headline = Split.TEST if options.split is None else None
        evaluation = evaluate(answers, headline=headline, spoiled=ask_broken(classifier, chosen, tools))
        say(f"{classifier.version}: threshold {classifier.threshold:g}, outlier threshold {classifier.outlier_threshold}")
        say(*to_lines(evaluation), "", f"{milliseconds:.2f} ms a picture on one thread, without its decoding")
        facts = {
            "model": classifier.version,
            "sha256": hashlib.sha256(options.model.read_bytes()).hexdigest(),
            "threshold": classifier.threshold,
            "outlier_threshold": classifier.outlier_threshold,
            "ms_per_picture": milliseconds,
        }
        if options.json:
            write_whole(to_json(evaluation, facts).encode(), options.json)
        if options.plots:
            say(*(str(path) for path in _plot(answers, evaluation, tools, options.plots)))
    return 0


def _plot(answers: Answers, evaluation: Evaluation, tools: Tools, folder: Path) -> list[Path]:
    try:
        from learning.plots import draw_all
    except ImportError as error:
        raise SettingsInvalid(f"--plots needs the extra [plots]: {error}") from error
    return draw_all(answers, evaluation, tools.decode, folder)
