"""`waste learn quantize`: the same model in eight bits, and what that costs on the pictures of val."""

import argparse
from collections.abc import Iterator, Sequence

from adapters.arguments import file_to_write
from contracts.ports import Classifier
from learning.commands.common import add_data, add_model, add_version, ask, model_path, samples_of, say, version_of, write_model
from learning.datasets import DatasetInvalid, Sample, Split
from learning.evaluate import score
from learning.quantize import quantize
from learning.rendered import FOR_TRAINING
from learning.report import percent
from learning.tools import Tools

_PICTURES = 300


def add(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    add_model(parser)
    add_data(parser, "of which those to train measure the activations and those of val the loss")
    add_version(parser)
    parser.add_argument("--out", type=file_to_write, required=True, metavar="FILE", help="the model to write")


def run(options: argparse.Namespace, tools: Tools) -> int:
    """Write the quantized model and compare both."""
    version, path = version_of(options), model_path(options, tools)
    before = tools.open_classifier(path)
    with samples_of(options, tools, FOR_TRAINING, 0.0) as samples:
        teaching = [sample for sample in samples if sample.split is Split.TRAIN]
        if not teaching:
            raise DatasetInvalid("no pictures in train to measure the activations on")
        chosen = teaching[:: max(1, len(teaching) // _PICTURES)]
        pictures = (tools.decode(sample.path.read_bytes()) for sample in chosen)
        model = quantize(path, pictures, version)
        digest = write_model(model, options.out)
        size_mb = options.out.stat().st_size / 1e6
        say(f"{options.out}: {size_mb:.1f} MB, sha256 {digest}; activations measured on {len(chosen)} pictures of train")
        judging = [sample for sample in samples if sample.split is Split.VAL]
        say(*_compared(before, tools.open_classifier(options.out), judging, tools))
    return 0


def _compared(before: Classifier, after: Classifier, judging: Sequence[Sample], tools: Tools) -> Iterator[str]:
    """Yield what both say of pictures, in percent with 95 % intervals."""
    if not judging:
        yield "no pictures in val to compare both on: see `waste learn evaluate`"
        return
    yield f"{f'{len(judging)} pictures of val':24} {'right':>19} {'decided alone':>19} {'of them right':>19} {'ms':>5}"
    called = []
    for name, classifier in (("before", before), ("in eight bits", after)):
        answers, milliseconds = ask(classifier, judging, tools)
        scores = score(answers)
        shares = " ".join(f"{percent(one):>19}" for one in (scores.right, scores.decided, scores.decided_right))
        yield f"{name:24} {shares} {milliseconds:5.2f}"
        called.append(answers.probabilities.argmax(axis=1))
    yield f"both say the same of {(called[0] == called[1]).mean():.1%}"
