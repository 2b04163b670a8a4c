"""The command line of `waste learn`."""

import argparse
from collections.abc import Callable
from pathlib import Path

Run = Callable[[argparse.Namespace], int]

SHIPPED = "shipped"
"""Instead of a file's name: the model that the package brings."""


def make_parser(*, render: Run, train: Run, evaluate: Run) -> argparse.ArgumentParser:
    """Return the parser; the chosen command's function is in the result's `run`."""
    parser = argparse.ArgumentParser(prog="waste learn", description="Train, calibrate and evaluate models.")
    commands = parser.add_subparsers(required=True, metavar="render|train|evaluate")
    _add_render(commands.add_parser("render", help="write rendered pictures with their manifest"), render)
    _add_train(commands.add_parser("train", help="fit and calibrate a head on the frozen backbone"), train)
    _add_evaluate(commands.add_parser("evaluate", help="score a model on labelled pictures"), evaluate)
    return parser


def _add_render(parser: argparse.ArgumentParser, run: Run) -> None:
    parser.add_argument("out", type=Path, help="the folder to write to")
    parser.add_argument("--per-category", type=_count, default=400, metavar="N")
    _add_drift(parser)
    parser.set_defaults(run=run)


def _add_train(parser: argparse.ArgumentParser, run: Run) -> None:
    parser.add_argument("--head", action="store_true", help="fit the head alone; the only way there is, and so the default")
    _add_data(parser, "70 %% of them to train, 15 %% to calibrate, 15 %% to test")
    parser.add_argument(
        "--backbone", default=SHIPPED, metavar="FILE", help=f"the model whose backbone is kept (default: {SHIPPED})"
    )
    parser.add_argument("--version", help="what predictions call the model (default: the name of the file)")
    parser.add_argument("--threshold", type=_share, default=0.75, help="the confidence from which it is believed (default: 0.75)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the model to write")
    parser.set_defaults(run=run)


def _add_evaluate(parser: argparse.ArgumentParser, run: Run) -> None:
    parser.add_argument("model", type=Path)
    _add_data(parser, "with seeds that no training uses")
    _add_drift(parser)
    parser.set_defaults(run=run)


def _add_data(parser: argparse.ArgumentParser, rendered: str) -> None:
    parser.add_argument(
        "--data", type=Path, action="append", default=[], metavar="DIR", help="a folder with a manifest.csv; repeatable"
    )
    parser.add_argument("--rendered", type=_count, metavar="N", help=f"add N rendered pictures of each category, {rendered}")


def _add_drift(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--drift", type=_share, default=0.0, help="share of rendered things in new packaging, 0 to 1")


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1_000_000:
        raise argparse.ArgumentTypeError("must be from 1 to 1000000")
    return number


def _share(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError("must be in [0, 1]")
    return number
