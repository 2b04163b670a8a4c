"""`waste truth`: settings -> adapters -> run."""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from adapters.arguments import integer_between, member_of, number_between
from adapters.logs import configure_logging
from adapters.postgres import open_pool
from adapters.postgres_accuracy import PostgresAccuracy
from adapters.postgres_truth import PostgresTruth
from adapters.settings import DatabaseSettings, LogSettings, read_settings
from contracts.accuracy import Dimension
from contracts.categories import CATEGORIES
from learning.truth.commands import Bench, accuracy, import_file, join_all


class TruthSettings(LogSettings, DatabaseSettings):
    """What the commands on ground truth are told."""


def main(argv: list[str] | None = None) -> int:
    """Run a command on what plants told."""
    options = _parser().parse_args(argv)
    settings = read_settings(TruthSettings, os.environ)
    configure_logging("truth", settings.log_level, settings.log_format)
    with open_pool(settings.database_url.get_secret_value(), name="waste-truth", max_size=2) as pool:
        truth = PostgresTruth(pool)
        bench = Bench(truth, truth, PostgresAccuracy(pool, CATEGORIES), lambda: datetime.now(UTC), tqdm, sys.stdout.write)
        return int(options.run(options, bench))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="waste truth", description="What really was in the bins, and how often the fleet is right."
    )
    commands = parser.add_subparsers(required=True, metavar="import|join|accuracy")
    brought = _command(commands, "import", import_file, "take labels from a .csv, .jsonl or .parquet file")
    brought.add_argument("file", type=Path)
    brought.add_argument("--source", required=True, help="the plant that sent it")
    _command(commands, "join", join_all, "join labels with what the fleet decided")
    told = _command(commands, "accuracy", accuracy, "say how often the fleet is right")
    told.add_argument("--days", type=integer_between(1, 3650), default=7, help="(default: 7)")
    told.add_argument("--mature-h", type=number_between(0, 24 * 90), default=24.0, metavar="HOURS",
                      help="labels are awaited so long: the last hours do not count (default: 24)")  # fmt: skip
    told.add_argument("--by", type=member_of(Dimension), default=Dimension.ALL, metavar="|".join(Dimension))
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, said: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=said, description=said)
    command.set_defaults(run=run)
    command.add_argument("--json", action="store_true")
    return command


if __name__ == "__main__":
    sys.exit(main())
