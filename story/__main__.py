"""`waste story`: the slow loop by itself, from the first drift to the last roll-back.

The fleet, the database, the queues, the object store, the models and their training are real; days pass in seconds.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import FrameType

import onnx
from rich.console import Console

from adapters.arguments import integer_between, number_between
from adapters.environment import read_settings
from adapters.object_store import open_object_store
from adapters.postgres.connections import Pool, open_pool
from adapters.postgres.lake import PostgresSnapshots
from adapters.postgres.registry import PostgresRegistry
from adapters.postgres.truth import PostgresTruth
from adapters.queues import open_message_queue
from adapters.settings import QueueSettings
from adapters.telemetry.logs import configure_logging
from contracts.models import ModelState
from contracts.moves import Moves
from contracts.names import EDGE_QUEUE
from learning.datasets import DatasetInvalid
from learning.lake.__main__ import open_maker
from learning.retrain.trigger import Rhythm
from learning.rollout.__main__ import read_facts
from learning.rollout.registering import Registrar
from learning.slow.__main__ import SlowSettings, open_loop
from local.fleet import FleetFailed, LocalFleet
from local.service import ServiceFailed
from producer.uplink import Uplink
from story.chapters import StoryFailed, tell
from story.city import Calendar, City
from story.plot import Plot, first_day
from story.scenery import Photographs, Rendered, Scenery
from story.timeline import Timeline

_LONGEST = 27
_BY = "ada"


def main(argv: list[str] | None = None) -> int:
    """Tell the story; ends with 0 only if every chapter came true."""
    options = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    configure_logging("story", "critical", "json")  # what happens is told as a story
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="waste-story-") as folder:
        fleet = LocalFleet(Path(folder), workers=2)
        try:
            console.print(f"starting Valkey, Postgres, SeaweedFS and the roles (log: {fleet.log_path}) ...")
            scenery = _scenery(options)
            with fleet:
                return _run(options, scenery, fleet)
        except (DatasetInvalid, FleetFailed, ServiceFailed, StoryFailed) as error:
            console.print(f"waste story: {error}", markup=False)
            return 1
        except KeyboardInterrupt:
            return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="waste story", description="The slow loop by itself, from drift to roll-back.")
    parser.add_argument("--bins", type=integer_between(1, 1000), default=40)
    parser.add_argument("--thrown", type=integer_between(20, 10_000), default=200, help="things thrown away a day (default: 200)")
    parser.add_argument("--drift", type=number_between(0.1, 1), default=0.6, help="share of things that look new (default: 0.6)")
    parser.add_argument("--calm", type=integer_between(1, 10), default=5, help="days before the packaging changes (default: 5)")
    parser.add_argument(
        "--photographs",
        type=Path,
        action="append",
        metavar="DIR",
        help="a folder with a manifest.csv in place of the renderer; repeatable",
    )
    parser.add_argument("--before", type=_sources, default=(), metavar="SOURCE,...", help="with --photographs: those of before")
    parser.add_argument("--after", type=_sources, default=(), metavar="SOURCE,...", help="with --photographs: those that follow")
    parser.add_argument("--model", type=Path, metavar="FILE", help="the champion to begin with (default: the shipped model)")
    parser.add_argument("--seed", type=integer_between(0, 2**32 - 1), default=1, help="the order of photographs (default: 1)")
    parser.add_argument("--out", type=Path, default=Path("story"), metavar="DIR", help="where the report goes (default: story)")
    return parser


def _scenery(options: argparse.Namespace) -> Scenery:
    if options.photographs is None:
        return Rendered(options.drift)
    return Photographs(options.photographs, options.before, options.after, options.seed)


def _sources(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _run(options: argparse.Namespace, scenery: Scenery, fleet: LocalFleet) -> int:
    began = time.monotonic()
    settings = read_settings(SlowSettings, fleet.environment("learning"))
    timeline = Timeline(_say)
    with open_pool(fleet.database_urls["learning"], name="waste-story", max_size=6) as pool:
        plot = _plot(options, fleet, settings, pool, timeline)
        _keep_what_is_known(scenery, settings, pool)
        registrar = Registrar(plot.registry, open_object_store(settings), read_facts)
        moves = Moves(plot.registry, _BY)
        if options.model:
            moves.move(registrar.add(options.model, _BY)[0].version, ModelState.CHAMPION, "the story begins")
        try:
            tell(plot, moves, lambda model, who: _add(registrar, model, who), options.calm, scenery)
        finally:
            report = timeline.write(options.out)
    _say(f"\n{time.monotonic() - began:.0f} s; the report is {report}\n")
    return 0


def _keep_what_is_known(scenery: Scenery, settings: SlowSettings, pool: Pool) -> None:
    """Put pictures of before into the lake: what every model to come is taught and examined with, too."""
    with tempfile.TemporaryDirectory(prefix="waste-known-") as folder, open_maker(settings, pool) as maker:
        scenery.keep_known(Path(folder))
        PostgresSnapshots(pool).make_golden(maker.of_folder(Path(folder), "known").snapshot_id)


def _plot(options: argparse.Namespace, fleet: LocalFleet, settings: SlowSettings, pool: Pool, timeline: Timeline) -> Plot:
    calendar, registry = Calendar(first_day(_LONGEST)), PostgresRegistry(pool)
    edge = fleet.environment("edge")
    events = open_message_queue(read_settings(QueueSettings, edge).edge_url(), EDGE_QUEUE, lease_s=60, region=settings.aws_region)
    city = City(
        Uplink(open_object_store(settings), events),
        PostgresTruth(pool),
        bytes.fromhex(edge["DEVICE_MASTER_KEY"]),
        options.bins,
        options.thrown,
    )
    return Plot(city, open_loop(settings, pool, calendar, Rhythm(None, timedelta(0))), registry, pool, calendar, timeline, _wait)


def _add(registrar: Registrar, model: onnx.ModelProto, who: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        return registrar.add(path, who)[0].version


def _wait(condition: Callable[[], bool], patience_s: float, what: str) -> None:
    until = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > until:
            raise StoryFailed(f"{what} did not come within {patience_s:g} s")
        time.sleep(0.1)


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
