"""`waste learn render`: drawn pictures with a manifest."""

import argparse
from pathlib import Path

from learning.commands.common import add_drift, count, draw, say
from learning.datasets import MANIFEST, DatasetInvalid
from learning.rendered import FOR_TRAINING
from learning.tools import Tools


def add(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("out", type=Path, help="the folder to write to")
    parser.add_argument("--per-category", type=count, default=400, metavar="N", help="(default: 400)")
    add_drift(parser)
    parser.add_argument("--force", action="store_true", help="write over a manifest that is there")


def run(options: argparse.Namespace, tools: Tools) -> int:
    """Write the pictures."""
    if (options.out / MANIFEST).exists() and not options.force:
        raise DatasetInvalid(f"{options.out / MANIFEST} is there already; --force writes over it")
    say(f"{draw(options.out, tools, options.per_category, FOR_TRAINING, options.drift)} pictures in {options.out}")
    return 0
