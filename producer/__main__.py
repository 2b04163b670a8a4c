"""`waste send` and `waste simulate`: settings -> adapters -> run."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import structlog
from pydantic import Field, SecretStr
from tqdm import tqdm

from adapters.arguments import integer_between, number_between, sensor_id
from adapters.environment import read_settings
from adapters.object_store import open_object_store
from adapters.queues import open_door
from adapters.settings import LogSettings, MasterKeySettings, ObjectStoreSettings, QueueSettings, TraceSettings
from adapters.telemetry.logs import configure_logging
from adapters.telemetry.traces import open_traces
from contracts.errors import SettingsInvalid
from contracts.signatures import KEY_BYTES, Credential, derive_credential
from contracts.traces import PUBLISHED
from producer.device import UNKNOWN_KIND, Device, kind_of
from producer.pictures import from_folder, rendered
from producer.records import Records
from producer.sequence import kept_sequence
from producer.simulate import make_fleet, throw
from producer.uplink import Shot, Uplink


class EdgeSettings(LogSettings, TraceSettings, QueueSettings, ObjectStoreSettings):
    """What every program at the edge is told."""

    uploads_at_once: Annotated[int, Field(alias="UPLOADS_AT_ONCE", ge=1, le=256)] = 8
    upload_longest_px: Annotated[int, Field(alias="UPLOAD_LONGEST_PX", ge=0, le=65_535)] = 800
    """Larger pictures are made this large before the upload; 0: sent as they are."""


class SendSettings(EdgeSettings):
    """What one device is told; without a credential, the master key (MasterKeySettings) where there is one."""

    device_credential: Annotated[SecretStr | None, Field(alias="DEVICE_CREDENTIAL")] = None
    """`generation:key`, as `waste device credential SENSOR` prints it."""
    state_dir: Annotated[Path, Field(alias="WASTE_STATE_DIR")] = Path("~/.local/state/waste")
    """Where the count of each sensor's events is kept."""


class SimulateSettings(EdgeSettings, MasterKeySettings):
    """What a simulated fleet is told."""


SettingsT = TypeVar("SettingsT", bound=EdgeSettings)


def send(argv: list[str] | None = None) -> int:
    """`waste send`: upload pictures and enqueue their events."""
    parser = argparse.ArgumentParser(prog="waste send", description="Send pictures as one bin does.")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--sensor", required=True, type=sensor_id, help="the bin's sensor_id")
    options = parser.parse_args(argv)
    settings = _settings(SendSettings)
    images = [_read(path) for path in options.images]
    device = Device(_credential(settings, options.sensor), lambda: datetime.now(UTC))
    with _uplink(settings) as uplink, kept_sequence(device, settings.state_dir.expanduser()):
        for batch in uplink.send(partial(Shot, device, image) for image in images):
            for sent in batch:
                sys.stdout.write(f"{sent.capture.event_id}\n")
    return 0


def simulate(argv: list[str] | None = None) -> int:
    """`waste simulate`: a fleet of bins, with rendered pictures or a folder's."""
    options = _simulate_parser().parse_args(argv)
    settings = _settings(SimulateSettings)
    pictures = from_folder(options.images, options.seed) if options.images else rendered(options.seed, options.drift)
    fleet = make_fleet(options.bins, settings.master_key(), lambda: datetime.now(UTC))
    shots = throw(fleet, pictures, events=options.events, rate=options.rate, seed=options.seed, broken=options.broken)
    with (
        Records(accepted=options.accepted, truth=options.truth) as records,
        tqdm(total=options.events, unit="event", desc="accepted", disable=options.quiet) as bar,
        _uplink(settings) as uplink,
    ):
        for batch in uplink.send(shots):
            records.write(batch)
            bar.update(len(batch))
    return 0


def _simulate_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="waste simulate", description="A fleet of bins that photograph and send.")
    parser.add_argument("--bins", type=integer_between(1, 1_000_000), default=50)
    parser.add_argument("--rate", type=number_between(0, 1e6), default=20.0, help="events a second in all; 0: as fast as it goes")
    parser.add_argument("--events", type=integer_between(1, 1_000_000_000), default=500)
    parser.add_argument(
        "--images", type=Path, help="a folder of pictures instead of rendered ones; its folders name the categories"
    )
    parser.add_argument("--drift", type=number_between(0, 1), default=0.0, help="share of rendered items in new packaging, 0 to 1")
    parser.add_argument("--broken", type=number_between(0, 1), default=0.0, help="share of files that are no pictures, 0 to 1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--truth",
        type=Path,
        help="write what each accepted picture shows, where it is known, as `waste truth import` takes it (.jsonl)",
    )
    parser.add_argument("--accepted", type=Path, help="write the accepted event ids, one a line, each on the disk before the next")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def _settings(kind: type[SettingsT]) -> SettingsT:
    settings = read_settings(kind, os.environ)
    configure_logging("producer", settings.log_level, settings.log_format, settings.log_events_per_s)
    return settings


@contextmanager
def _uplink(settings: EdgeSettings) -> Iterator[Uplink]:
    traces = open_traces(settings, "edge")
    try:
        yield Uplink(
            open_object_store(settings),
            open_door(settings),
            prepare=preparation(settings.upload_longest_px),
            uploads_at_once=settings.uploads_at_once,
            told=traces.emit if traces else None,
            stamp=partial(traces.stamp, step=PUBLISHED) if traces else None,
        )
    finally:
        if traces:
            traces.close()


def preparation(longest_px: int) -> Callable[[bytes], bytes]:
    """Return what is done to a picture before its upload."""
    if not longest_px:
        return bytes
    try:
        from adapters.pictures.photos import shrink
    except ImportError:
        # A bin that sends too much is better than one that sends nothing.
        structlog.get_logger("waste").warning("pictures_sent_as_they_are", hint="the extra [photos] makes large ones smaller")
        return bytes
    return partial(shrink, longest_px=longest_px)


def _read(path: Path) -> bytes:
    try:
        image = path.read_bytes()
    except OSError as error:
        raise SettingsInvalid(f"{path} cannot be read: {error.strerror}") from None
    if kind_of(image) == UNKNOWN_KIND:
        raise SettingsInvalid(f"{path} is not a JPEG, PNG or WebP image")
    return image


def _credential(settings: SendSettings, sensor: str) -> Credential:
    if settings.device_credential:
        number, _, key = settings.device_credential.get_secret_value().partition(":")
        try:
            credential = Credential(sensor, int(number), bytes.fromhex(key))
        except ValueError:
            raise SettingsInvalid("DEVICE_CREDENTIAL: its form is not generation:key") from None
        if len(credential.key) != KEY_BYTES or credential.generation < 1:
            raise SettingsInvalid(f"DEVICE_CREDENTIAL: its key has not {KEY_BYTES} bytes, or its generation is under 1")
        return credential
    if not os.environ.keys() & {"DEVICE_MASTER_KEY", "DEVICE_MASTER_KEY_FILE"}:
        raise SettingsInvalid("DEVICE_CREDENTIAL: is not set")
    return derive_credential(read_settings(MasterKeySettings, os.environ).master_key(), sensor)


def main(argv: list[str] | None = None) -> int:
    """Run `send` or `simulate`, named by the first argument."""
    arguments = sys.argv[1:] if argv is None else argv
    commands = {"send": send, "simulate": simulate}
    if not arguments or arguments[0] not in commands:
        sys.stderr.write("usage: python -m producer send|simulate ...\n")
        return 2
    return commands[arguments[0]](arguments[1:])


if __name__ == "__main__":
    sys.exit(main())
