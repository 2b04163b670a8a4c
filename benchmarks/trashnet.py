"""TrashNet as its authors judge it: their own split, all six classes, all layers fine-tuned by `waste learn`'s way of training.

    python -m benchmarks.trashnet --data DIR [--epochs N] [--resume FILE] [--json FILE]

DIR has a manifest with the columns class and origin_split beside the usual ones. The model is not kept: the fleet's has
five categories. Source of the split: Thung and Yang 2016, https://github.com/garythung/trashnet.
"""

import argparse
import csv
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from adapters.pictures.pixels import PREPROCESSING, decode, flatten_whole
from learning.commands.plan import add_plan, plan_of
from learning.datasets import MANIFEST, PART, Sample, Split, read_manifests
from learning.evaluate import Share
from learning.finetune import train_network
from learning.network import Lite0, planes
from learning.plan import Plan
from learning.preprocessing import Preprocessing

CLASSES = ("cardboard", "glass", "metal", "paper", "plastic", "trash")
_SOURCE = "trashnet"
_DEFAULT = Plan(paste=0.0, trained_share=1.0)
"""Its test pictures are like those to train, and no others count."""


def main() -> int:
    """Train on their train split, stop by their val split, judge on their test split."""
    options = _parser().parse_args()
    samples, classes = read_trashnet(options.data)
    plan = plan_of(options, _DEFAULT)
    network = train_network(samples, Preprocessing(PREPROCESSING, decode, flatten_whole), plan, classes)
    right = _judge(network, samples, classes)
    sys.stdout.write(
        f"TrashNet, six classes, its own test split: {right.value:.1%} [{right.low:.1%} {right.high:.1%}] of {right.count}\n"
    )
    if options.json:
        options.json.write_text(json.dumps({"plan": str(plan), "right": asdict(right)}, indent=1) + "\n", "utf-8")
    return 0


def read_trashnet(folder: Path) -> tuple[list[Sample], NDArray[np.int64]]:
    """Return the pictures of TrashNet, each in the split of its authors, and the index of its class in `CLASSES`."""
    with (folder / MANIFEST).open(newline="", encoding="utf-8") as lines:
        rows = {folder / row["file"]: row for row in csv.DictReader(lines)}
    chosen = [sample for sample in read_manifests([folder]) if sample.source == _SOURCE]
    classes = [CLASSES.index(rows[sample.path]["class"]) for sample in chosen]
    return [replace(sample, split=Split(rows[sample.path][PART])) for sample in chosen], np.array(classes, np.int64)


def _judge(network: Lite0, samples: list[Sample], classes: NDArray[np.int64]) -> Share:
    judging = [index for index, sample in enumerate(samples) if sample.split is Split.TEST]
    with torch.no_grad():
        called = [
            int(network(planes(torch.from_numpy(decode(samples[index].path.read_bytes())[np.newaxis]))).argmax())
            for index in judging
        ]
    return Share.of(np.array(called) == classes[judging])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trashnet", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    add_plan(parser, _DEFAULT)
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
