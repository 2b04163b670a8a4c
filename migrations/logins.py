"""A login for each program, whose rights are those of one role; what that role may do, the migrations say."""

from collections.abc import Mapping

import psycopg
from psycopg import sql

LOGINS: Mapping[str, str] = {
    "intake": "waste_intake",
    "gateway": "waste_gateway",
    "learning": "waste_learning",
    "worker": "waste_worker",
    "review": "waste_review",
    "reader": "waste_reader",
}
"""Program -> the role whose rights its login has."""


def login_of(program: str) -> str:
    """Return the user's name of a program's login."""
    return f"{LOGINS[program]}_login"


def ensure_login(connection: psycopg.Connection[tuple[object, ...]], program: str, password: str) -> None:
    """Have a program's login exist with this password and the rights of its role alone, and the role itself."""
    user, role = login_of(program), LOGINS[program]
    # The role too: on a new server it has to be there before a backup is read, which grants rights to it.
    for name, may in ((role, "NOLOGIN"), (user, "LOGIN")):
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is None:
            connection.execute(sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(name), sql.SQL(may)))
    # Its verifier alone: a statement may stand in the server's log.
    verifier = connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(verifier)))
    connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(user)))
