"""`waste learn manifest`: a manifest for folders of pictures, one folder a category."""

import argparse
from collections import Counter
from pathlib import Path

from learning.commands.common import say, share
from learning.datasets import MANIFEST, DatasetInvalid, Split
from learning.folders import write_manifest
from learning.tools import Tools


def add(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("folder", type=Path, help="holds plastic/, paper/, cardboard/, glass/, metal/, organic/ and other/")
    parser.add_argument("--source", help="what the pictures' origin is called (default: the folder's name)")
    parser.add_argument("--val", type=share, default=0.15, help="share that calibrates (default: 0.15)")
    parser.add_argument("--test", type=share, default=0.15, help="share that judges (default: 0.15)")
    parser.add_argument("--seed", type=int, default=0, help="decides which picture goes where (default: 0)")
    parser.add_argument("--force", action="store_true", help="write over a manifest that is there")


def run(options: argparse.Namespace, tools: Tools) -> int:
    """Write the manifest."""
    train = 1 - options.val - options.test
    if train <= 0:
        raise DatasetInvalid("--val and --test leave nothing to train on")
    if (options.folder / MANIFEST).exists() and not options.force:
        raise DatasetInvalid(f"{options.folder / MANIFEST} is there already; --force writes over it")
    shares = {Split.TRAIN: train, Split.VAL: options.val, Split.TEST: options.test}
    source = options.source or options.folder.resolve().name
    samples = write_manifest(options.folder, source, shares, tools.decode, options.seed)
    for (split, category), number in sorted(Counter((s.split.value, s.category or "other") for s in samples).items()):
        say(f"{split:6} {category:8} {number:6d}")
    say(f"{len(samples)} pictures in {options.folder / MANIFEST}")
    return 0
