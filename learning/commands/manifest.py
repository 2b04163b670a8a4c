"""`waste learn manifest`: a manifest for folders of pictures, one folder a category."""

import argparse
from collections import Counter
from pathlib import Path

from adapters.arguments import integer_between
from learning.commands.common import say, share, warn
from learning.datasets import MANIFEST, DatasetInvalid, Split
from learning.duplicates import labelled
from learning.folders import SUFFIXES, write_manifest
from learning.tools import Tools


def add(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("folder", type=Path, help="holds plastic/, paper/, cardboard/, glass/, metal/, organic/ and other/")
    parser.add_argument("--source", help="what the pictures' origin is called (default: the folder's name)")
    parser.add_argument("--val", type=share, default=0.15, help="share that calibrates (default: 0.15)")
    parser.add_argument("--test", type=share, default=0.15, help="share that judges (default: 0.15)")
    parser.add_argument(
        "--seed", type=integer_between(0, 2**32 - 1), default=0, help="decides which picture goes where (default: 0)"
    )
    parser.add_argument("--two-labels", action="store_true", help="go on where pictures look alike under different labels")
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
    written = write_manifest(options.folder, source, shares, tools.decode, options.seed, two_labels=options.two_labels)
    for pair in written.contradictions:
        warn("manifest", f"alike under two labels: {labelled(pair)}")
    if written.skipped:
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(written.skipped.items()))
        warn("manifest", f"left out, as it reads {', '.join(sorted(SUFFIXES))} alone: {kinds}")
    for (split, category), number in sorted(Counter((s.split.value, s.category or "other") for s in written.samples).items()):
        say(f"{split:6} {category:8} {number:6d}")
    say(f"{len(written.samples)} pictures in {options.folder / MANIFEST}")
    return 0
