"""`waste demo`: the whole fleet on this machine, with a simulated fleet of bins in front of it."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.live import Live

from adapters.arguments import file_to_write, integer_between, number_between
from local.figures import Figures, read_figures
from local.fleet import FleetFailed, LocalFleet
from local.service import ServiceFailed
from local.table import show

_QUIET_S = 180.0
_SIMULATOR = "simulate"
_BROKEN = 0.01
"""Share of the files that are no pictures, where people look at it."""


def main(argv: list[str] | None = None) -> int:
    """Run the demo; with --exit, return 0 only if every accepted event ended in exactly one outcome."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.images and not options.images.is_dir():
        parser.error(f"--images: there is no folder {options.images}")
    for number in (signal.SIGTERM, signal.SIGINT):  # the latter is ignored by what a script starts in the background
        signal.signal(number, _interrupt)
    console = Console(stderr=True)
    fleet = LocalFleet(options.data_dir.absolute(), workers=options.workers, concurrency=options.concurrency, desk=not options.exit)
    try:
        console.print(f"starting Valkey, Postgres, SeaweedFS and the roles (log: {fleet.log_path}) ...")
        with fleet:
            return _run(options, fleet, console)
    except (FleetFailed, ServiceFailed) as error:
        console.print(f"waste demo: {error}", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("ended")
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="waste demo", description="The whole fleet on this machine: no cloud, no Docker.")
    parser.add_argument("--events", type=integer_between(1, 1_000_000_000), default=500, help="how many in all (default: 500)")
    parser.add_argument("--bins", type=integer_between(1, 1_000_000), default=50, help="(default: 50)")
    parser.add_argument(
        "--rate", type=number_between(0, 1e6), default=20.0, help="events a second; 0: as fast as it goes (default: 20)"
    )
    parser.add_argument("--images", type=Path, help="a folder of pictures instead of rendered ones")
    parser.add_argument(
        "--drift", type=number_between(0, 1), default=0.0, help="share of rendered things in new packaging (default: 0)"
    )
    parser.add_argument("--seed", type=int, default=1, help="what is thrown in, and when (default: 1)")
    parser.add_argument("--workers", type=integer_between(1, 64), default=1, help="worker processes (default: 1)")
    parser.add_argument("--concurrency", type=integer_between(1, 256), default=2, help="threads of each worker (default: 2)")
    parser.add_argument("--data-dir", type=Path, default=Path(".waste"), help="what the demo leaves (default: .waste)")
    parser.add_argument("--exit", action="store_true", help="end when all events are decided")
    parser.add_argument("--report", type=file_to_write, metavar="FILE", help="write the figures as JSON")
    return parser


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(options: argparse.Namespace, fleet: LocalFleet, console: Console) -> int:
    run_dir = fleet.data_dir / "runs" / time.strftime("%Y%m%d-%H%M%S")
    run_dir.mkdir(parents=True)
    accepted, truth = run_dir / "accepted.txt", run_dir / "truth.jsonl"
    if not options.exit:
        console.print("the review desk (this link lets a browser on this machine in, once):")
        console.print(f"  {fleet.desk_link()}", soft_wrap=True, highlight=False, markup=False)
    fleet.supervisor.start(_SIMULATOR, _simulate(options, accepted, truth), env=fleet.environment("edge"))
    read = lambda: read_figures(fleet.database_urls["reader"], accepted, truth)  # noqa: E731
    figures = _watch(options, fleet, read, console)
    if not console.is_terminal:
        console.line()  # where nothing is drawn anew, the last table ends without one
    if options.report:
        options.report.write_text(json.dumps(figures.report(), indent=2) + "\n", "utf-8")
    console.print(
        f"{figures.outcomes} of {figures.accepted} accepted events are decided; lost {figures.lost}, doubled {figures.doubled}"
    )
    console.print(f"  log of all roles   {fleet.log_path}", soft_wrap=True, highlight=False)
    if not options.exit:
        _say_where_to_look(fleet, console, truth)
        while True:
            signal.pause()
    if figures.accepted < options.events:
        console.print(f"waste demo: only {figures.accepted} of {options.events} events were sent; the log says why", markup=False)
        return 1
    return 0 if figures.lost == figures.doubled == 0 else 1


def _simulate(options: argparse.Namespace, accepted: Path, truth: Path) -> list[str]:
    command = [sys.executable, "-m", "waste", "simulate", "--quiet", "--accepted", str(accepted), "--truth", str(truth)]
    for name in ("events", "bins", "rate", "drift", "seed"):
        command += [f"--{name}", str(getattr(options, name))]
    if not options.exit:  # so that ops, too, find something at the desk
        command += ["--broken", str(_BROKEN)]
    return command + (["--images", str(options.images.absolute())] if options.images else [])


def _watch(options: argparse.Namespace, fleet: LocalFleet, read: Callable[[], Figures], console: Console) -> Figures:
    """Show the figures until all events are decided, or nothing has moved for three minutes after the last was sent."""
    moved_at, seen = time.monotonic(), -1
    with Live(show(None, options.events, "waiting for the first event ..."), console=console, refresh_per_second=4) as live:
        while True:
            figures = read()
            live.update(show(figures, options.events, "" if options.exit else "Ctrl-C (or SIGTERM) ends all of it"))
            if figures.outcomes != seen:
                moved_at, seen = time.monotonic(), figures.outcomes
            sending = _SIMULATOR in fleet.supervisor.alive()
            if not sending and (figures.outcomes >= figures.accepted or time.monotonic() - moved_at > _QUIET_S):
                return read()
            time.sleep(0.5)


def _say_where_to_look(fleet: LocalFleet, console: Console, truth: Path) -> None:
    lines = [f"{name:18} http://127.0.0.1:{port}/metrics, /health/ready" for name, port in fleet.health_ports.items()]
    lines.append("the ledger         SELECT * FROM outcomes JOIN predictions USING (event_id), in")
    lines.append(f"                   {fleet.database_urls['reader']}")
    waste = Path(sys.executable).with_name("waste")
    lines.append(f"the review desk    {fleet.desk_url} (another link: the command below with dlq account link demo)")
    lines.append(f"the console        {fleet.desk_url}/console, for the same account")
    lines.append(f"what waits         env $(cat {fleet.write_environment('review')}) {waste} dlq list")
    reader = fleet.write_environment("reader")
    lines.append(f"the week           env $(cat {reader}) {waste} report --week {datetime.now(UTC):%G-W%V} --out report.html")
    learning = fleet.write_environment("learning")
    lines.append(f"what plants tell   env $(cat {learning}) {waste} truth import {truth} --source demo (then: truth join)")
    lines.append(f"the slow loop      env $(cat {learning}) {waste} truth accuracy --mature-h 0 (or retrain, model, lake, slow)")
    edge = fleet.write_environment("edge")
    lines.append(f"a bin of your own  env $(cat {edge}) {waste} send photo.jpg --sensor bin-7")
    gateway = f"http://127.0.0.1:{fleet.health_ports['gateway']}"
    lines.append(
        f"the gateway        {gateway}/docs; its token for a bin: env $(cat {edge}) {waste} device credential bin-7 --token"
    )
    for line in lines:
        console.print(f"  {line}", soft_wrap=True, highlight=False, markup=False)


if __name__ == "__main__":
    sys.exit(main())
