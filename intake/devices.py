"""`waste device`: hand out a sensor's credential, and take it back."""

import argparse
import os
import sys

from adapters.arguments import integer_between, sensor_id
from adapters.postgres import open_pool
from adapters.postgres_intake import PostgresIntakeLedger
from adapters.settings import DatabaseSettings, MasterKeySettings, read_settings
from contracts.signatures import derive_credential

_GENERATION = integer_between(1, 9999)


def main(argv: list[str] | None = None) -> int:
    """Run a command on a device's identity."""
    parser = argparse.ArgumentParser(prog="waste device", description="A device's credential, and its revocation.")
    commands = parser.add_subparsers(required=True, metavar="credential|revoke")
    credential = commands.add_parser("credential", help="print what the device needs to sign (DEVICE_MASTER_KEY)")
    credential.add_argument("sensor", type=sensor_id)
    credential.add_argument("--generation", type=_GENERATION, default=1)
    credential.set_defaults(run=_credential)
    revoke = commands.add_parser("revoke", help="refuse a sensor's credentials up to a generation (DATABASE_URL of intake)")
    revoke.add_argument("sensor", type=sensor_id)
    revoke.add_argument("--through", type=_GENERATION, default=1, help="the last generation that is refused (default: 1)")
    revoke.add_argument("--note", default="")
    revoke.set_defaults(run=_revoke)
    options = parser.parse_args(argv)
    return int(options.run(options))


def _credential(options: argparse.Namespace) -> int:
    settings = read_settings(MasterKeySettings, os.environ)
    credential = derive_credential(settings.master_key(), options.sensor, options.generation)
    sys.stdout.write(f"DEVICE_CREDENTIAL={credential.generation}:{credential.key.hex()}\n")
    return 0


def _revoke(options: argparse.Namespace) -> int:
    settings = read_settings(DatabaseSettings, os.environ)
    pool = open_pool(settings.database_url.get_secret_value(), name="waste-device", max_size=1)
    refused_through = PostgresIntakeLedger(pool).revoke(options.sensor, options.through, options.note)
    pool.close(timeout=3)
    sys.stdout.write(f"credentials of {options.sensor} up to generation {refused_through} are refused within 5 s\n")
    return 0
