"""`waste edge`: settings -> adapters -> run."""

import argparse
import json
import os
import random
import shlex
import sqlite3
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import structlog

from adapters.environment import read_settings
from adapters.http.gateway_door import GatewayDoor, SlowLine
from adapters.pictures.bare import bare
from adapters.pictures.headers import read_header
from adapters.telemetry.logs import configure_logging
from adapters.telemetry.traces import Traces, open_traces
from contracts.errors import Permanent, Retryable, SettingsInvalid
from contracts.limits import MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE_PX
from contracts.traces import PUBLISHED
from models import shipped_model
from producer.edge.camera import Camera
from producer.edge.check import Checks
from producer.edge.clocks import MachineClock
from producer.edge.folder import Folder
from producer.edge.local_answers import Comparison, LocalAnswers, Teller
from producer.edge.outbox import Bounds, Outbox
from producer.edge.running import Running, lock, locked
from producer.edge.sender import Plan, Sender
from producer.edge.settings import EdgePlaceSettings, EdgeRunSettings
from producer.edge.shelf import Shelf
from producer.edge.status import as_text, gather, read_status, report_of
from producer.edge.taking import PictureUnusable, Taker

_MB = 2**20
_CHECKING = SlowLine(10.0, 15.0)
"""Systemd gives the check and the start of the program a minute and a half together."""
_log = structlog.get_logger("waste")


def main(argv: list[str] | None = None) -> int:
    """Run a command of `waste edge`."""
    parser = argparse.ArgumentParser(prog="waste edge", description="The program of one bin: keeps pictures, and sends them.")
    commands = parser.add_subparsers(required=True, metavar="run|status|check", dest="command")
    commands.add_parser("run", help="take pictures and send them until told to end")
    status = commands.add_parser("status", help="what waits, what was sent, refused or dropped, and how the clock is")
    status.add_argument("--json", action="store_true")
    commands.add_parser("check", help="say in words whether gateway, credential, clock and disk are fine")
    options = parser.parse_args(argv)
    if options.command == "status":
        return _status(read_settings(EdgePlaceSettings, os.environ), as_json=options.json)
    settings = read_settings(EdgeRunSettings, os.environ)
    configure_logging("edge", settings.log_level, settings.log_format, settings.log_events_per_s)
    return _check(settings) if options.command == "check" else _run(settings)


def _run(settings: EdgeRunSettings) -> int:
    if settings.edge_folder is None and settings.edge_camera is None:
        raise SettingsInvalid("EDGE_FOLDER: neither it nor EDGE_CAMERA is set")
    if settings.edge_folder is not None and not settings.edge_folder.is_dir():
        raise SettingsInvalid(f"EDGE_FOLDER: {settings.edge_folder} is no folder")
    traces = open_traces(settings, "edge")
    with lock(settings.lock):
        outbox = open_outbox(settings)
        try:
            assemble(settings, outbox, traces).run()
        finally:
            outbox.shelf.close()
            if traces:
                traces.close()
    _log.info("ended")
    return 0


def open_outbox(settings: EdgeRunSettings) -> Outbox:
    """Return the outbox; raises SettingsInvalid if it is another sensor's or cannot be used."""
    shelf = Shelf(settings.outbox)
    if shelf.laid_aside:
        _log.error(
            "outbox_was_damaged", file=str(shelf.laid_aside), events_read=shelf.salvaged, hint="a new one has what could be read"
        )
    outbox = Outbox(shelf, Bounds(settings.edge_outbox_mb * _MB, settings.edge_reserve_mb * _MB))
    sensor = settings.speaker().sensor_id
    owner = outbox.fact("sensor_id")
    if owner is None:
        outbox.remember(sensor_id=sensor)
    elif owner != sensor:
        shelf.close()
        raise SettingsInvalid(f"WASTE_STATE_DIR: its outbox belongs to {owner} and the credential to {sensor}; give each its own")
    return outbox


def assemble(settings: EdgeRunSettings, outbox: Outbox, traces: Traces | None = None) -> Running:
    """Return the program, ready to run."""
    clock = MachineClock()
    answers = open_answers(settings, outbox)
    taker = Taker(outbox, preparation(settings.upload_longest_px), fingerprinting(), answers)
    sender = Sender(
        outbox,
        settings.speaker().sensor_id,
        lambda: open_door(outbox, clock, traces),
        clock.now,
        Plan(
            settings.edge_rate,
            settings.edge_backlog_rate,
            settings.edge_live_s,
            settings.edge_contact_s,
            settings.edge_keep_days * 86_400,
        ),
        random.Random(),
        partial(_report, outbox, clock),
        traces.emit if traces else None,
    )
    folder = Folder(settings.edge_folder, taker, clock.now, settings.edge_settle_s) if settings.edge_folder else None
    command = shlex.split(settings.edge_camera) if settings.edge_camera else []
    camera = Camera(command, taker, clock.now, settings.edge_camera_timeout_s) if command else None
    asking = Comparison(outbox, lambda: open_door(outbox, clock), clock.now, random.Random()) if answers else None
    return Running(sender, folder, camera, settings.edge_camera_every_s, asking, renews="CREDENTIALS_DIRECTORY" in os.environ)


def open_answers(settings: EdgeRunSettings, outbox: Outbox) -> LocalAnswers | None:
    """Return what answers on the spot, None if nothing is to; raises SettingsInvalid without its extra, and ModelUnusable."""
    if settings.edge_answer_to is None:
        return None
    try:
        from adapters.onnx.model import OnnxClassifier
        from adapters.pictures.pixels import decode
    except ImportError as error:
        raise SettingsInvalid(f"EDGE_ANSWER_TO: needs the package {error.name}; install waste-fleet[edge-inference]") from None
    path, digest = (settings.model_path, settings.model_sha256 or "") if settings.model_path else shipped_model()
    return LocalAnswers(outbox, decode, OnnxClassifier.load(path, digest), Teller(settings.edge_answer_to).tell)


def open_door(outbox: Outbox, clock: MachineClock, traces: Traces | None = None) -> GatewayDoor:
    """Return the gateway, spoken to with the credential that is in the settings now."""
    settings = read_settings(EdgeRunSettings, os.environ)
    speaker = settings.speaker()
    if outbox.fact("sensor_id") != speaker.sensor_id:
        raise SettingsInvalid(f"DEVICE_TOKEN: is of {speaker.sensor_id}, the outbox of {outbox.fact('sensor_id')}")
    stamp = partial(traces.stamp, step=PUBLISHED) if traces else None
    return GatewayDoor(settings.gateway_url, speaker, lambda at_s, error_s: outbox.measure(clock.now(), at_s, error_s), stamp=stamp)


def _report(outbox: Outbox, clock: MachineClock) -> dict[str, str | float | bool]:
    with outbox.shelf.look() as sql:
        return report_of(gather(sql, clock.now()), version("waste-fleet"))


def preparation(longest_px: int) -> Callable[[bytes], bytes]:
    """Return what is done to a picture before it is kept; without Pillow it is not made smaller."""
    shrink: Callable[[bytes], bytes] = bytes
    if longest_px:
        try:
            from adapters.pictures.photos import shrink as shrinking
        except ImportError:
            _log.warning("pictures_kept_as_they_are", hint="the extra [photos] makes large ones smaller")
        else:
            shrink = partial(shrinking, longest_px=longest_px)

    def prepare(data: bytes) -> bytes:
        try:
            small = bare(shrink(data))
            header = read_header(small)
        except (Permanent, Retryable) as error:
            raise PictureUnusable(str(error)) from error
        if header.width * header.height > MAX_IMAGE_PIXELS or max(header.width, header.height) > MAX_IMAGE_SIDE_PX:
            limits = f"at most {MAX_IMAGE_PIXELS} in all and {MAX_IMAGE_SIDE_PX} a side are taken"
            raise PictureUnusable(f"has {header.width} x {header.height} pixels, {limits}")
        return small

    return prepare


def fingerprinting() -> Callable[[bytes], int | None]:
    """Return what tells pictures that look alike; without Pillow only equal bytes count as alike."""
    try:
        from adapters.pictures.photos import fingerprint
    except ImportError:
        return lambda _: None
    return fingerprint


def _status(settings: EdgePlaceSettings, *, as_json: bool) -> int:
    try:
        status = read_status(settings.outbox, MachineClock().now(), running=locked(settings.lock))
    except sqlite3.Error as error:
        sys.stderr.write(f"waste edge: there is no outbox in {settings.state_dir.expanduser()} that can be read: {error}\n")
        return 1
    sys.stdout.write(json.dumps(status) + "\n" if as_json else as_text(status))
    return 0


def _check(settings: EdgeRunSettings) -> int:
    clock = MachineClock()
    camera = shlex.split(settings.edge_camera) if settings.edge_camera else []
    checks = Checks(settings.state_dir.expanduser(), settings.edge_folder, camera, settings.edge_reserve_mb * _MB, clock.now)
    url, speaker = settings.gateway_url, settings.speaker()
    lines = checks.run(lambda heard: GatewayDoor(url, speaker, heard, _CHECKING), url)
    sys.stdout.write("".join(f"{'ok ' if fine else 'NOT'}  {text}\n" for fine, text in lines))
    return 0 if all(fine for fine, _ in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
