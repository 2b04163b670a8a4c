"""`waste learn`: arguments -> adapters -> run."""

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from adapters.onnx.model import OnnxClassifier, OnnxFeatures
from adapters.pictures.pixels import PREPROCESSING, decode, flatten_whole
from contracts.categories import Category
from contracts.errors import SettingsInvalid
from learning.commands import evaluate, manifest, quantize, render, threshold, train
from learning.datasets import DatasetInvalid
from learning.features import Extract
from learning.preprocessing import Preprocessing
from learning.tools import Tools
from models import shipped_model

_COMMANDS: dict[str, tuple[ModuleType, str]] = {
    "manifest": (manifest, "write the manifest of folders of pictures, one folder a category"),
    "render": (render, "write rendered pictures with their manifest"),
    "train": (train, "fit and calibrate a model"),
    "quantize": (quantize, "make the same model in eight bits"),
    "evaluate": (evaluate, "judge a model on labelled pictures"),
    "threshold": (threshold, "choose the confidence from which a model decides alone"),
}


def main(argv: list[str] | None = None) -> int:
    """Run a command of the learning side; raises `SettingsInvalid` or another `FleetError` that says what is wrong."""
    options = _parser().parse_args(argv)
    try:
        return int(_COMMANDS[options.command][0].run(options, open_tools()))
    except DatasetInvalid as error:
        raise SettingsInvalid(str(error)) from None
    except OSError as error:
        raise SettingsInvalid(str(error)) from None


def open_tools() -> Tools:
    """Return what training needs of the outside."""
    return Tools(
        preprocessing=Preprocessing(PREPROCESSING, decode, flatten_whole),
        open_classifier=lambda path: OnnxClassifier.load(path, _sha256(path)),
        open_features=_open_features,
        render=_render,
        shipped=shipped_model()[0],
        git_revision=_git_revision,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="waste learn", description="Train, calibrate and evaluate models.")
    commands = parser.add_subparsers(required=True, metavar="|".join(_COMMANDS), dest="command")
    for name, (module, summary) in _COMMANDS.items():
        module.add(commands.add_parser(name, help=summary, description=(module.__doc__ or "").split(": ", 1)[-1]))
    return parser


def _open_features(path: Path) -> Extract:
    return OnnxFeatures.load(path).extract


def _render(category: Category, seed: int, drift: float) -> bytes:
    from producer.render import render

    return render(category, seed, drift=drift)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _git_revision() -> str:
    """Return the commit that the code comes from, `+changes` if it was not committed as it is, else "unknown"."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+changes"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
