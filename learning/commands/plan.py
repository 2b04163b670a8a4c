"""The options of fine-tuning, for every command that trains all layers."""

import argparse
from dataclasses import replace

from adapters.arguments import file_to_write, integer_between
from learning.commands.common import count, share
from learning.plan import Plan

_DEFAULT = Plan()
PLAN_OPTIONS = ("epochs", "pictures_per_epoch", "paste", "trained_share", "seed", "resume")
"""What `add_plan` asks for, as argparse names it."""


def add_plan(parser: argparse._ArgumentGroup | argparse.ArgumentParser, default: Plan = _DEFAULT) -> None:
    """Ask for the numbers of a run, None for what is not asked for: then it is as the shipped model was made."""

    def text(name: str) -> str:
        return f"(default: {getattr(default, name)})"

    parser.add_argument("--epochs", type=count, help=text("epochs"))
    parser.add_argument("--pictures-per-epoch", type=count, metavar="N", help=text("pictures_per_epoch"))
    parser.add_argument("--paste", type=share, help=f"share put before other backgrounds {text('paste')}")
    parser.add_argument("--trained-share", type=share, help=f"how far from the published weights {text('trained_share')}")
    parser.add_argument("--seed", type=integer_between(0, 2**32 - 1), help=text("seed"))
    parser.add_argument("--resume", type=file_to_write, metavar="FILE", help="keep each epoch there, and go on from what is there")


def plan_of(options: argparse.Namespace, default: Plan = _DEFAULT) -> Plan:
    """Return what was asked for, and of the rest the default."""
    asked = {name: getattr(options, name) for name in PLAN_OPTIONS if getattr(options, name) is not None}
    checkpoint = asked.pop("resume", None)
    return replace(default, checkpoint=checkpoint, **asked)
