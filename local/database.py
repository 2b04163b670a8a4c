"""The fleet's database on this machine: made, migrated, and with a login for each program."""

import secrets
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from local.files import secret_file
from local.postgres import PostgresService

DATABASE = "waste"
LOGINS: Mapping[str, str] = {
    "intake": "waste_intake",
    "gateway": "waste_gateway",
    "learning": "waste_learning",
    "worker": "waste_worker",
    "review": "waste_review",
    "reader": "waste_reader",
}
"""Program -> the role whose rights its login has."""


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
        for program, role in LOGINS.items():
            password = secret_file(secrets_dir / f"postgres-{program}")
            _ensure_login(connection, f"{role}_login", role, password)
            urls[program] = postgres.url(name, user=f"{role}_login", password=password)
    return urls


def _ensure_login(connection: psycopg.Connection[tuple[object, ...]], user: str, role: str, password: str) -> None:
    if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (user,)).fetchone() is None:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(user)))
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(password)))
    connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(user)))


def ensure_master_key(secrets_dir: Path) -> str:
    """Return this machine's master key for devices, in hex; made at the first call."""
    path = secrets_dir / "device-master-key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), "utf-8")
    return path.read_text("utf-8").strip()
