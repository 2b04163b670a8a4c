"""`waste retrain`: settings -> adapters -> run."""

import argparse
import getpass
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from adapters.arguments import integer_between
from adapters.environment import read_settings
from adapters.object_store import open_object_store
from adapters.onnx.model_cache import ModelCache, default_model_folder
from adapters.postgres.connections import Pool, open_pool
from adapters.postgres.lake import PostgresSnapshots
from adapters.postgres.registry import PostgresRegistry
from adapters.postgres.trainings import PostgresTrainings
from adapters.telemetry.facts import FleetTelemetry
from adapters.telemetry.logs import configure_logging
from contracts.models import ModelFile
from learning.__main__ import open_tools
from learning.lake.__main__ import LakeSettings, open_maker
from learning.retrain import commands
from learning.retrain.beating import Told
from learning.retrain.retraining import Retraining
from learning.retrain.workshop import LakeWorkshop
from learning.rollout.__main__ import ModelSettings, read_facts
from learning.rollout.registering import Registrar
from models import shipped_model


class RetrainSettings(LakeSettings, ModelSettings):
    """What trainings are told."""


def main(argv: list[str] | None = None) -> int:
    """Run a command on trainings."""
    options = _parser().parse_args(argv)
    settings = read_settings(RetrainSettings, os.environ)
    configure_logging("retrain", settings.log_level, settings.log_format)
    with open_pool(settings.database_url.get_secret_value(), name="waste-retrain", max_size=3) as pool:
        bench = commands.Bench(
            PostgresTrainings(pool),
            lambda: open_retraining(settings, pool, _show),
            settings.actor or getpass.getuser(),
            sys.stdout.write,
        )
        return int(options.run(options, bench))


def _show(step: str, progress: float) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"{progress:4.0%}  {step}\n")


def open_retraining(settings: LakeSettings, pool: Pool, watched: Told = lambda _, __: None) -> Retraining:
    """Return what runs trainings; `watched` is told each step."""
    objects, registry = open_object_store(settings), PostgresRegistry(pool)
    cache = ModelCache(settings.model_cache or default_model_folder(), objects)

    def champion() -> tuple[Path, ModelFile | None]:
        file = registry.plan().champion
        return (cache.path_of(file), file) if file else (shipped_model()[0], None)

    workshop = LakeWorkshop(
        lambda: open_maker(settings, pool),
        PostgresSnapshots(pool),
        objects,
        Registrar(registry, objects, read_facts),
        champion,
        open_tools(),
        lambda: datetime.now(UTC),
    )
    return Retraining(PostgresTrainings(pool), registry, workshop, FleetTelemetry(), watched)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="waste retrain", description="Trainings of new models from what the field has taught.")
    made = parser.add_subparsers(required=True, metavar="start|run|list|cancel")
    started = made.add_parser("start", help="ask for a training")
    started.add_argument("--here", action="store_true", help="and run it now, in this process")
    started.set_defaults(run=commands.start)
    made.add_parser("run", help="run the training that waits, in this process").set_defaults(run=commands.run)
    listed = made.add_parser("list", help="list the last trainings, with what came of them")
    listed.add_argument("--limit", type=integer_between(1, 1000), default=20)
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(run=commands.list_trainings)
    made.add_parser("cancel", help="cancel the training that waits or runs").set_defaults(run=commands.cancel)
    return parser


if __name__ == "__main__":
    sys.exit(main())
