"""`waste device`: hand out a sensor's credential, give it a new one, take it back, and say who has one."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TypeAlias

from adapters.arguments import integer_between, number_between, sensor_id
from adapters.environment import read_settings
from adapters.postgres.connections import open_pool
from adapters.postgres.devices import PostgresDevices
from adapters.settings import DatabaseSettings, MasterKeySettings
from contracts.devices import DeviceRegistry, RegisteredDevice
from contracts.doors import door_login, iam_policy, redis_acl
from contracts.errors import RequestRefused
from contracts.signatures import derive_credential, device_token
from contracts.tables import lines_of

_GENERATION = integer_between(1, 9999)
_WHICH = "default: the newest of a registered sensor, where DATABASE_URL leads to the registry; else 1"
_AS_BEARER = "print what the gateway takes as a bearer token, instead"
_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - the type has no public name


def main(argv: list[str] | None = None) -> int:
    """Run a command on a device's identity."""
    options = _parser().parse_args(argv)
    return int(options.run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="waste device", description="Who may speak: devices and their credentials.")
    commands = parser.add_subparsers(required=True, metavar="add|list|rotate|revoke|credential|door")
    add = _command(commands, "add", _add, "register a sensor and print its credential")
    add.add_argument("--site", default="", help="the place or fleet that it belongs to")
    add.add_argument("--note", default="")
    add.add_argument("--token", action="store_true", help=_AS_BEARER)
    rotate = _command(commands, "rotate", _rotate, "print a new credential; the one before is taken for a while")
    hours = number_between(0, 24 * 365)
    rotate.add_argument("--overlap-h", type=hours, default=24.0, help="for so many hours the one before is taken too (default: 24)")
    rotate.add_argument("--token", action="store_true", help=_AS_BEARER)
    revoke = _command(commands, "revoke", _revoke, "refuse a sensor's credentials")
    revoke.add_argument("--through", type=_GENERATION, help="the last generation that is refused (default: all so far)")
    revoke.add_argument("--note", default="")
    credential = _command(commands, "credential", _credential, "print a credential again, registered or not")
    credential.add_argument("--generation", type=_GENERATION, help=_WHICH)
    credential.add_argument("--token", action="store_true", help=_AS_BEARER)
    door = _command(commands, "door", _door, "print what lets the device append to the edge queue directly, and do nothing else")
    door.add_argument("--generation", type=_GENERATION, help=_WHICH)
    door.add_argument("--with-before", action="store_true", help="also the generation before, while a rotation overlaps")
    door.add_argument("--password", action="store_true", help="USER:PASSWORD for the device's QUEUE_URL, instead")
    door.add_argument("--aws-queue", metavar="ARN", help="a policy for this SQS queue instead of a Redis ACL; with --bucket")
    door.add_argument("--bucket", help="the bucket that pictures go to, with --aws-queue")
    listing = commands.add_parser("list", help="show the registered sensors")
    listing.add_argument("--site", help="of this place or fleet alone")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=_list)
    return parser


def _command(commands: _Commands, name: str, run: object, said: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=said, description=said)
    command.add_argument("sensor", type=sensor_id)
    command.set_defaults(run=run)
    return command


@contextmanager
def _registry() -> Iterator[DeviceRegistry]:
    settings = read_settings(DatabaseSettings, os.environ)
    pool = open_pool(settings.database_url.get_secret_value(), name="waste-device", max_size=1)
    try:
        yield PostgresDevices(pool)
    finally:
        pool.close(timeout=3)


def _add(options: argparse.Namespace) -> int:
    master_key = read_settings(MasterKeySettings, os.environ).master_key()
    with _registry() as registry:
        device = registry.add(options.sensor, options.site, options.note)
    _print_credential(master_key, device.sensor_id, device.generation, token=options.token)
    return 0


def _rotate(options: argparse.Namespace) -> int:
    master_key = read_settings(MasterKeySettings, os.environ).master_key()
    with _registry() as registry:
        device = registry.rotate(options.sensor, options.overlap_h * 3600)
    _print_credential(master_key, device.sensor_id, device.generation, token=options.token)
    until = f"until {device.overlap_until:%Y-%m-%d %H:%M} UTC" if device.overlap_until else "for 5 s at most"
    sys.stderr.write(f"generation {device.generation - 1} of {device.sensor_id} is taken {until}\n")
    return 0


def _credential(options: argparse.Namespace) -> int:
    master_key = read_settings(MasterKeySettings, os.environ).master_key()
    _print_credential(master_key, options.sensor, _generation(options), token=options.token)
    return 0


def _generation(options: argparse.Namespace) -> int:
    """Return the generation that is meant: the newest, where the registry can be asked."""
    if options.generation is not None:
        return int(options.generation)
    if os.environ.keys() & {"DATABASE_URL", "DATABASE_URL_FILE"}:
        with _registry() as registry:
            found = registry.find(options.sensor)
        return found.generation if found else 1
    sys.stderr.write("generation 1, for without DATABASE_URL nobody can be asked; after a rotation say --generation\n")
    return 1


def _door(options: argparse.Namespace) -> int:
    if bool(options.aws_queue) is not bool(options.bucket):
        raise RequestRefused("--aws-queue", "and --bucket go together")
    if options.aws_queue:
        sys.stdout.write(iam_policy(options.sensor, options.aws_queue, options.bucket) + "\n")
        return 0
    master_key = read_settings(MasterKeySettings, os.environ).master_key()
    newest = _generation(options)
    generations = [newest, newest - 1] if options.with_before and newest > 1 else [newest]
    taken = [derive_credential(master_key, options.sensor, one) for one in generations]
    said = door_login(taken[0]) if options.password else redis_acl(taken)
    sys.stdout.write(f"{said}\n")
    return 0


def _print_credential(master_key: bytes, sensor: str, generation: int, *, token: bool) -> None:
    credential = derive_credential(master_key, sensor, generation)
    own = f"DEVICE_TOKEN={device_token(credential)}" if token else f"DEVICE_CREDENTIAL={generation}:{credential.key.hex()}"
    sys.stdout.write(f"{own}\n")


def _revoke(options: argparse.Namespace) -> int:
    with _registry() as registry:
        through, known = registry.revoke(options.sensor, options.through, options.note), registry.heard_of(options.sensor)
    sys.stdout.write(f"credentials of {options.sensor} up to generation {through} are refused within 5 s\n")
    if not known:
        sys.stderr.write(f"{options.sensor} was never registered and never heard of: is the name right?\n")
    return 0


def _list(options: argparse.Namespace) -> int:
    with _registry() as registry:
        found = registry.devices(options.site)
    if options.json:
        sys.stdout.write(json.dumps([asdict(device) for device in found], default=str, indent=1) + "\n")
        return 0
    rows = [(device.sensor_id, device.site, str(device.generation), _state(device), device.note) for device in found]
    rows = [("SENSOR", "SITE", "GENERATION", "STATE", "NOTE"), *rows]
    sys.stdout.writelines(lines_of(rows))
    return 0


def _state(device: RegisteredDevice) -> str:
    if device.revoked:
        return "revoked"
    if device.overlap_until:
        return f"in use, with the one before until {device.overlap_until:%Y-%m-%d %H:%M}"
    return "in use"
