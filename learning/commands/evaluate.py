"""`waste learn evaluate`: what a model is worth on labelled pictures."""

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path

from adapters.arguments import file_to_write
from contracts.errors import SettingsInvalid
from contracts.ports import Classifier
from learning.commands.common import add_data, add_drift, add_model, ask, ask_broken, model_path, samples_of, say
from learning.datasets import DatasetInvalid, Split
from learning.evaluate import Answers, Evaluation, evaluate, headline_of
from learning.files import write_whole
from learning.preprocessing import Decode
from learning.rendered import FOR_TESTING
from learning.report import to_json, to_lines
from learning.tools import Tools

Plot = Callable[[Answers, Evaluation, Decode, Path], list[Path]]
_JUDGING = (Split.VAL, Split.TEST, Split.OOD)


def add(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    add_model(parser)
    add_data(parser, "with seeds that no training uses")
    add_drift(parser)
    parser.add_argument(
        "--split",
        choices=[split.value for split in Split],
        action="append",
        help="repeatable; default: test for the figures, with val and ood beside it",
    )
    parser.add_argument("--json", type=file_to_write, metavar="FILE", help="write every figure there")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write the plots there")


def run(options: argparse.Namespace, tools: Tools) -> int:
    """Print the tables and write what is asked for."""
    plot, path = _plotting(options), model_path(options, tools)
    classifier = tools.open_classifier(path)
    wanted = options.split or _JUDGING
    with samples_of(options, tools, FOR_TESTING, options.drift) as samples:
        chosen = [sample for sample in samples if sample.split in wanted]
        if not chosen:
            raise DatasetInvalid(f"no pictures in {', '.join(wanted)}")
        answers, milliseconds = ask(classifier, chosen, tools)
        headline = None if options.split else Split.TEST
        evaluation = evaluate(answers, headline=headline, spoiled=ask_broken(classifier, chosen, tools))
        say(f"{classifier.version}: threshold {classifier.threshold:g}, outlier threshold {classifier.outlier_threshold}")
        say(*to_lines(evaluation), "", f"{milliseconds:.2f} ms a picture on one thread, without its decoding")
        if options.json:
            write_whole(to_json(evaluation, _facts(path, classifier, milliseconds)).encode(), options.json)
        if options.plots:
            say(*(str(drawn) for drawn in plot(headline_of(answers, headline), evaluation, tools.decode, options.plots)))
    return 0


def _plotting(options: argparse.Namespace) -> Plot:
    """Return what draws, before anything is computed; raises `SettingsInvalid` if it is asked for and not there."""
    if not options.plots:
        return lambda *_: []
    try:
        from learning.plots import draw_all
    except ImportError as error:
        raise SettingsInvalid(f"--plots needs the extra [plots]: {error}") from error
    return draw_all


def _facts(path: Path, classifier: Classifier, milliseconds: float) -> dict[str, object]:
    return {
        "model": classifier.version,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "threshold": classifier.threshold,
        "outlier_threshold": classifier.outlier_threshold,
        "ms_per_picture": milliseconds,
    }
