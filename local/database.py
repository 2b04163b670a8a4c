"""The fleet's database on this machine: made, migrated, and with a login for each program."""

import secrets
from pathlib import Path

import psycopg

from local.files import secret_file
from local.postgres import PostgresService
from migrations.logins import LOGINS, ensure_login, login_of

DATABASE = "waste"


def ensure_database(postgres: PostgresService, name: str = DATABASE) -> None:
    """Create the database unless it is there."""
    if not postgres.has_database(name):
        postgres.create_database(name)


def ensure_logins(postgres: PostgresService, secrets_dir: Path, name: str = DATABASE) -> dict[str, str]:
    """Create a login user a program, with a password kept in `secrets_dir`; return program -> URL.

    To be called after the migrations, which make the roles that the logins are members of.
    """
    urls = {}
    with psycopg.connect(postgres.url(name), autocommit=True) as connection:
        for program in LOGINS:
            password = secret_file(secrets_dir / f"postgres-{program}")
            ensure_login(connection, program, password)
            urls[program] = postgres.url(name, user=login_of(program), password=password)
    return urls


def ensure_master_key(secrets_dir: Path) -> str:
    """Return this machine's master key for devices, in hex; made at the first call."""
    path = secrets_dir / "device-master-key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), "utf-8")
    return path.read_text("utf-8").strip()
