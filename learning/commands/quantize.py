"""`waste learn quantize`: the same model in eight bits, and whether it is worth its loss."""

import argparse
from pathlib import Path

from learning.commands.common import add_data, samples_of, say, write_model
from learning.datasets import DatasetInvalid, Split
from learning.quantize import quantize
from learning.rendered import FOR_TRAINING
from learning.tools import Tools

_PICTURES = 300


def add(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("model", type=Path)
    add_data(parser, "of which those to train are used")
    parser.add_argument("--version", help="what predictions call the model (default: the name of the file)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the model to write")


def run(options: argparse.Namespace, tools: Tools) -> int:
    """Write the quantized model; `waste learn evaluate` compares both."""
    tools.open_classifier(options.model)
    with samples_of(options, tools, FOR_TRAINING, 0.0) as samples:
        teaching = [sample for sample in samples if sample.split is Split.TRAIN]
        if not teaching:
            raise DatasetInvalid("no pictures in train to measure the activations on")
        chosen = teaching[:: max(1, len(teaching) // _PICTURES)]
        pictures = (tools.decode(sample.path.read_bytes()) for sample in chosen)
        model = quantize(options.model, pictures, options.version or options.out.stem)
    digest = write_model(model, options.out)
    say(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB, sha256 {digest}, measured on {len(chosen)} pictures")
    return 0
