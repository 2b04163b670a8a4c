"""The options of fine-tuning, for every command that trains all layers."""

import argparse

from adapters.arguments import file_to_write
from learning.commands.common import count, share
from learning.plan import Plan

_DEFAULT = Plan()


def add_plan(parser: argparse._ArgumentGroup | argparse.ArgumentParser) -> None:
    """Ask for the numbers of a run; every default is the one that the shipped model was made with."""
    default = "(default: %(default)s)"
    parser.add_argument("--epochs", type=count, default=_DEFAULT.epochs, help=default)
    parser.add_argument("--pictures-per-epoch", type=count, default=_DEFAULT.pictures_per_epoch, metavar="N", help=default)
    parser.add_argument("--paste", type=share, default=_DEFAULT.paste, help=f"share put before other backgrounds {default}")
    parser.add_argument(
        "--trained-share",
        type=share,
        default=_DEFAULT.trained_share,
        help=f"how far from the published weights {default}",
    )
    parser.add_argument("--seed", type=int, default=_DEFAULT.seed)
    parser.add_argument("--resume", type=file_to_write, metavar="FILE", help="keep each epoch there, and go on from what is there")


def plan_of(options: argparse.Namespace) -> Plan:
    """Return what was asked for."""
    return Plan(
        epochs=options.epochs,
        pictures_per_epoch=options.pictures_per_epoch,
        paste=options.paste,
        trained_share=options.trained_share,
        seed=options.seed,
        checkpoint=options.resume,
    )
