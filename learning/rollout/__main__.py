"""`waste model`: settings -> adapters -> run."""

import argparse
import getpass
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from adapters.arguments import number_between
from adapters.environment import read_settings
from adapters.object_store import open_object_store
from adapters.postgres.connections import open_pool
from adapters.postgres.registry import PostgresRegistry
from adapters.settings import DatabaseSettings, LogSettings, ObjectStoreSettings
from adapters.telemetry.logs import configure_logging
from contracts.models import ON_TRIAL, ModelState
from contracts.moves import Moves
from learning.rollout import commands
from learning.rollout.registering import Registrar
from models import shipped_model

SHIPPED = "shipped"


class ModelSettings(LogSettings, DatabaseSettings):
    """What the commands on models are told."""

    actor: Annotated[str | None, Field(alias="WASTE_ACTOR", min_length=1, max_length=100)] = None
    """Who moves models, as the registry notes it; the login's name if it is empty."""


def main(argv: list[str] | None = None) -> int:
    """Run a command on the registry of models."""
    options = _parser().parse_args(argv)
    settings = read_settings(ModelSettings, os.environ)
    configure_logging("model", settings.log_level, settings.log_format)
    with open_pool(settings.database_url.get_secret_value(), name="waste-model", max_size=2) as pool:
        registry = PostgresRegistry(pool)
        moves = Moves(registry, settings.actor or getpass.getuser())
        bench = commands.Bench(registry, lambda: _registrar(registry), moves, sys.stdout.write)
        return int(options.run(options, bench))


def _registrar(registry: PostgresRegistry) -> Registrar:
    return Registrar(registry, open_object_store(read_settings(ObjectStoreSettings, os.environ)), read_facts)


def read_facts(path: Path, sha256: str) -> Mapping[str, Any]:
    """Return what a model's file says of itself; raises ModelUnusable."""
    from adapters.onnx.model import OnnxClassifier  # half a second that only `add` needs

    return asdict(OnnxClassifier.load(path, sha256).facts)


def _file(text: str) -> Path:
    return shipped_model()[0] if text == SHIPPED else Path(text)


def _reason(text: str) -> str:
    if not re.fullmatch(r"[^\x00-\x1f]{1,300}", text):
        raise argparse.ArgumentTypeError("is empty, longer than 300 letters or more than one line")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="waste model", description="Which models there are, and which decide.")
    made = parser.add_subparsers(required=True, metavar="add|list|show|try|promote|retire|rollback|pin|unpin")
    added = _command(made, "add", commands.add, "put a model's file into the registry, as a candidate")
    added.add_argument("file", type=_file, help=f"the file, or {SHIPPED}: the one that comes with the package")
    listed = _command(made, "list", commands.list_models, "list models, what is in force, and workers that serve something else")
    listed.add_argument("--json", action="store_true")
    shown = _command(made, "show", commands.show, "show all of one model, and how it came where it is", version=True)
    shown.add_argument("--json", action="store_true")
    tried = _command(made, "try", commands.try_out, "put a model on trial", version=True, why=True)
    tried.add_argument("--as", dest="role", type=_on_trial, required=True, metavar="|".join(ON_TRIAL),
                       help="shadow: scores beside the champion; canary: decides for some sensors")  # fmt: skip
    tried.add_argument(
        "--share",
        type=number_between(0.01, 0.5),
        help="of the events for a canary, of the sensors for a shadow: 0.01 to 0.5 (default: as before; at first 0.1 and 0.2)",
    )
    _command(made, "promote", commands.promote, "make a model the champion", version=True, why=True)
    _command(made, "retire", commands.retire, "take a model out of its trial", version=True, why=True)
    back = _command(made, "rollback", commands.roll_back, "bring back the champion before this one", why=True)
    back.add_argument("--of", metavar="VERSION", help="only if this one is the champion; otherwise nothing is done")
    _command(made, "pin", commands.pin, "have nothing move by itself")
    _command(made, "unpin", commands.unpin, "let models move by themselves again")
    return parser


def _on_trial(text: str) -> ModelState:
    if text not in ON_TRIAL:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(ON_TRIAL)}")
    return ModelState(text)


def _command(
    made: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: object,
    said: str,
    *,
    version: bool = False,
    why: bool = False,
) -> argparse.ArgumentParser:
    command = made.add_parser(name, help=said, description=said)
    command.set_defaults(run=run)
    if version:
        command.add_argument("version")
    if why:
        command.add_argument("--because", type=_reason, default="by hand", metavar="TEXT", help="why, for the record")
    return command


if __name__ == "__main__":
    sys.exit(main())
