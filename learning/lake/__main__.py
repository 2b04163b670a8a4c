"""`waste lake`: settings -> adapters -> run."""

import argparse
import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field

from adapters.arguments import integer_between, moment
from adapters.environment import read_settings
from adapters.image_source import SourceSettings, open_image_source
from adapters.object_store import open_object_store
from adapters.onnx.model_cache import ModelCache, default_model_folder
from adapters.pictures.pixels import PREPROCESSING, decode
from adapters.postgres.connections import Pool, open_pool
from adapters.postgres.lake import PostgresLabelledEvents, PostgresSnapshots
from adapters.postgres.serving import PostgresServing
from adapters.settings import DatabaseSettings, LogSettings
from adapters.telemetry.logs import configure_logging
from contracts.categories import CATEGORIES
from contracts.errors import SettingsInvalid
from contracts.ports import KeptObjects
from learning.datasets import DatasetInvalid
from learning.export import read_backbone
from learning.feature_cache import FeatureCache, default_cache_folder, digest_of
from learning.lake import commands
from learning.lake.looking import Eyes
from learning.lake.making import Backbone, SnapshotMaker
from learning.lake.reading import FIELD
from learning.lake.rebuilding import Rebuilder
from models import shipped_model

SHIPPED = "shipped"


class LakeSettings(LogSettings, DatabaseSettings, SourceSettings):
    """What the commands on snapshots are told."""

    model_cache: Annotated[Path | None, Field(alias="MODEL_CACHE")] = None
    """The folder of models that were fetched; in the user's cache if it is empty."""


def main(argv: list[str] | None = None) -> int:
    """Run a command on snapshots."""
    options = _parser().parse_args(argv)
    settings = read_settings(LakeSettings, os.environ)
    configure_logging("lake", settings.log_level, settings.log_format)
    with open_pool(settings.database_url.get_secret_value(), name="waste-lake", max_size=2) as pool:
        bench = commands.Bench(
            PostgresSnapshots(pool),
            lambda: open_maker(settings, pool),
            lambda: Rebuilder(open_object_store(settings), lambda: open_image_source(settings)),
            sys.stdout.write,
        )
        try:
            return int(options.run(options, bench))
        except (DatasetInvalid, OSError) as error:
            raise SettingsInvalid(str(error)) from None


@contextmanager
def open_maker(settings: LakeSettings, pool: Pool) -> Iterator[SnapshotMaker]:
    """Give what makes snapshots, with the backbone of the champion, or of the shipped model if there is none."""
    objects = open_object_store(settings)
    with _open_backbone(settings, pool, objects) as backbone:
        yield SnapshotMaker(
            PostgresLabelledEvents(pool, CATEGORIES),
            PostgresSnapshots(pool),
            objects,
            lambda: open_image_source(settings),
            backbone,
            lambda: datetime.now(UTC),
        )


@contextmanager
def _open_backbone(settings: LakeSettings, pool: Pool, objects: KeptObjects) -> Iterator[Backbone]:
    from adapters.onnx.model import OnnxFeatures  # half a second that reading does without

    champion = PostgresServing(pool).plan().champion
    folder = settings.model_cache or default_model_folder()
    path = ModelCache(folder, objects).path_of(champion) if champion else shipped_model()[0]
    graph = read_backbone(path, PREPROCESSING)
    eyes = Eyes(decode, OnnxFeatures.load(path).extract)
    backbone = Backbone(digest_of(graph), champion.version if champion else SHIPPED, PREPROCESSING, eyes)
    try:
        cache = FeatureCache.open(default_cache_folder(), graph, PREPROCESSING)
    except (OSError, sqlite3.Error) as error:
        sys.stderr.write(f"waste lake: {error}; going on without a cache of features\n")
        yield backbone
        return
    with cache:
        yield Backbone(backbone.digest, backbone.version, backbone.preprocessing, eyes, cache)


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", text) or text == FIELD:
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 to 60 letters, digits and ._-, or is {FIELD!r}")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="waste lake", description="Labelled items as snapshots that never change.")
    made = parser.add_subparsers(required=True, metavar="snapshot|import|golden|list|show|rebuild")
    snapshot = _command(made, "snapshot", commands.make, "keep all items of the field whose category is known now")
    snapshot.add_argument("--since", type=moment, metavar="TIME", help="captured from then on (UTC)")
    snapshot.add_argument("--until", type=moment, metavar="TIME", help="captured before it (UTC)")
    brought = _command(made, "import", commands.import_folder, "keep the pictures of a folder with a manifest.csv")
    brought.add_argument("folder", type=Path, metavar="DIR")
    brought.add_argument("--name", type=_name, required=True, help="what the snapshot is called in lists")
    for one in (snapshot, brought):
        one.add_argument("--json", action="store_true")
    golden = _command(made, "golden", commands.make_golden, "have an imported folder be what every model is examined with")
    listed = _command(made, "list", commands.list_snapshots, "list snapshots, the newest first")
    listed.add_argument("--limit", type=integer_between(1, 1000), default=20)
    listed.add_argument("--json", action="store_true")
    shown = _command(made, "show", commands.show, "show what a snapshot holds, as JSON")
    shown.add_argument("--files", action="store_true", help="its manifest, with every file")
    rebuilt = _command(made, "rebuild", commands.rebuild, "write a snapshot into a folder, with a manifest.csv to train with")
    rebuilt.add_argument("--to", type=Path, required=True, metavar="DIR", help="a folder that is new or empty")
    rebuilt.add_argument("--pictures", action="store_true", help="with the pictures, as waste learn train needs them")
    for one in (golden, shown, rebuilt):
        one.add_argument("snapshot", metavar="ID")
    return parser


def _command(
    made: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, said: str
) -> argparse.ArgumentParser:
    command = made.add_parser(name, help=said, description=said)
    command.set_defaults(run=run)
    return command


if __name__ == "__main__":
    sys.exit(main())
