"""Accounts of the review desk in Postgres, and what opens it: kept as digests, so that a copy of the table opens nothing."""

import hashlib
import secrets
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row, kwargs_row

from adapters.postgres.connections import Pool, connected
from contracts.accounts import Account, Role
from contracts.errors import EventInvalid, RequestRefused

_ACCOUNT = "account_id, name, role"
_BY_TOKEN = f"""
WITH used AS (
    UPDATE credentials SET seen_at = now() WHERE token_sha256 = %(digest)s AND seen_at < now() - interval '1 min'
)
SELECT {_ACCOUNT} FROM credentials c JOIN accounts a USING (account_id)
WHERE c.token_sha256 = %(digest)s AND c.kind = %(kind)s AND c.expires_at > now() AND a.disabled_at IS NULL
"""  # noqa: S608 - the only insertion is a constant of this module
_USE_LINK = f"""
WITH used AS (
    DELETE FROM credentials WHERE token_sha256 = %s AND kind = 'link' AND expires_at > now() RETURNING account_id
)
SELECT {_ACCOUNT}, password_hash FROM used JOIN accounts USING (account_id) WHERE disabled_at IS NULL
"""  # noqa: S608 - as above
_ISSUE = """
INSERT INTO credentials (token_sha256, kind, account_id, expires_at, note)
VALUES (%s, %s, %s, now() + make_interval(secs => %s), %s)
"""
# A change of the account either is seen here, or waits for this and then ends the session.
_OPEN = """
INSERT INTO credentials (token_sha256, kind, account_id, expires_at, note)
SELECT %s, 'session', account_id, now() + make_interval(secs => %s), %s
FROM accounts WHERE account_id = %s AND disabled_at IS NULL AND password_hash IS NOT DISTINCT FROM %s FOR SHARE
RETURNING true
"""
_END = "DELETE FROM credentials WHERE account_id = %s"
_FORGET = "DELETE FROM credentials WHERE expires_at < now()"
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('waste-logins'), hashtext(%(address)s))"
_TRY = """
INSERT INTO login_failures (name, address)
SELECT %(name)s, %(address)s WHERE (
    SELECT count(*) FILTER (WHERE name = %(name)s) < 5 AND count(*) < 30
    FROM login_failures WHERE address = %(address)s AND failed_at > now() - interval '15 min'
) RETURNING true
"""


class PostgresAccounts:
    """Implements `contracts.review_ports.Accounts`."""

    def __init__(self, pool: Pool) -> None:
        """Work on connections of `pool`."""
        self._pool = pool

    def create(self, name: str, role: Role) -> Account:
        """Make an account; raises RequestRefused if there is one of that name, whatever its letters' case."""
        query = f"INSERT INTO accounts (name, role) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING {_ACCOUNT}"  # noqa: S608
        try:
            account = self._account(query, (name, role))
        except EventInvalid as error:
            raise RequestRefused("name", error.detail) from error
        if account is None:
            raise RequestRefused("name", f"{name!r} is taken")
        return account

    def find(self, name: str) -> tuple[Account, str | None] | None:
        """Return the account of a name that may enter, with its password's hash."""
        if not name.isascii():  # nobody's, and Postgres may take its letters for others: i may be the lower case of İ
            return None
        query = f"SELECT {_ACCOUNT}, password_hash FROM accounts WHERE lower(name) = lower(%s) AND disabled_at IS NULL"  # noqa: S608
        with connected(self._pool) as connection:
            row = connection.execute(query, (name,)).fetchone()
        return _with_hash(row)

    def change(
        self, name: str, *, role: Role | None = None, password_hash: str | None = None, disabled: bool | None = None
    ) -> Account | None:
        """Change what is given ("": no password), and end what the account had open; None if there is no account of that name."""
        query = f"""
            UPDATE accounts SET role = coalesce(%(role)s, role), password_hash = nullif(coalesce(%(hash)s, password_hash), ''),
                disabled_at = CASE %(disabled)s::boolean WHEN true THEN coalesce(disabled_at, now()) WHEN false THEN NULL
                    ELSE disabled_at END
            WHERE lower(name) = lower(%(name)s) RETURNING {_ACCOUNT}
        """  # noqa: S608 - the only insertion is a constant of this module
        values = {"name": name, "role": role, "hash": password_hash, "disabled": disabled}
        with connected(self._pool) as connection, connection.transaction():
            row = connection.execute(query, values).fetchone()
            if row is None:
                return None
            # A statement of its own: it sees what was issued while the one above waited.
            connection.execute(_END, (row[0],))
        return _as_account(*row)

    def everyone(self) -> list[dict[str, Any]]:
        """Return all accounts, with when each was last seen; None for one who never entered."""
        # A link or a token that was made is nobody's visit. What ends a session forgets it: what its owner did there remains.
        query = """
            SELECT name, role, created_at, disabled_at, password_hash IS NOT NULL AS has_password, greatest(
                (SELECT max(seen_at) FROM credentials c WHERE c.account_id = a.account_id
                    AND (c.kind = 'session' OR c.seen_at > c.created_at)),
                (SELECT max(labelled_at) FROM labels l WHERE l.account_id = a.account_id), entered.at) AS seen_at
            FROM accounts a LEFT JOIN (SELECT actor, max(acted_at) AS at FROM actions
                WHERE action IN ('sign in', 'enter by link') GROUP BY actor) entered ON entered.actor = a.name
            ORDER BY lower(name)
        """
        with connected(self._pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query).fetchall()

    def issue(self, kind: str, account_id: UUID, lifetime_s: float, note: str = "") -> str:
        """Return a new secret of a kind (session, link, api) that opens the desk for `lifetime_s`."""
        token = secrets.token_urlsafe(32)
        with connected(self._pool) as connection:
            connection.execute(_FORGET)
            connection.execute(_ISSUE, (_digest(token), kind, account_id, lifetime_s, note[:200]))
        return token

    def open_session(self, account_id: UUID, password_hash: str | None, lifetime_s: float, note: str = "") -> str | None:
        """Return a new session's secret; None if the account is locked by now, or its password not that of `password_hash`."""
        token = secrets.token_urlsafe(32)
        with connected(self._pool) as connection:
            connection.execute(_FORGET)
            values = (_digest(token), lifetime_s, note[:200], account_id, password_hash)
            return token if connection.execute(_OPEN, values).fetchone() else None

    def account_of(self, kind: str, token: str) -> Account | None:
        """Return whom a secret belongs to, if it still opens the desk."""
        return self._account(_BY_TOKEN, {"digest": _digest(token), "kind": kind})

    def use_link(self, token: str) -> tuple[Account, str | None] | None:
        """Return whom a one-time link belongs to, with the password's hash, and make the link worthless."""
        with connected(self._pool) as connection:
            row = connection.execute(_USE_LINK, (_digest(token),)).fetchone()
        return _with_hash(row)

    def revoke(self, token: str) -> None:
        """Make a secret worthless."""
        with connected(self._pool) as connection:
            connection.execute("DELETE FROM credentials WHERE token_sha256 = %s", (_digest(token),))

    def may_try(self, name: str, address: str) -> bool:
        """Return whether an attempt to log in may be made; one that may is counted as failed until `succeeded`.

        One at a time of an address: a thousand attempts at the same moment would otherwise all find the count at zero. What may
        not be made is not counted: it would fill the table. By address, not by name alone: whoever guesses from everywhere
        would lock the owner out, and learn nothing of a password of 12 letters.
        """
        values = {"name": name.lower()[:100], "address": address}
        with connected(self._pool) as connection:
            connection.execute("DELETE FROM login_failures WHERE failed_at < now() - interval '1 day'")
            with connection.transaction():
                connection.execute(_ONE_AT_A_TIME, values)
                return connection.execute(_TRY, values).fetchone() is not None

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failed logins of a name from an address."""
        with connected(self._pool) as connection:
            values = (name.lower()[:100], address)
            connection.execute("DELETE FROM login_failures WHERE name = %s AND address = %s", values)

    def _account(self, query: str, values: Any) -> Account | None:
        with connected(self._pool) as connection, connection.cursor(row_factory=kwargs_row(_as_account)) as cursor:
            return cursor.execute(query, values).fetchone()


def _as_account(account_id: UUID, name: str, role: str) -> Account:
    return Account(account_id, name, Role(role))


def _with_hash(row: tuple[Any, ...] | None) -> tuple[Account, str | None] | None:
    return (_as_account(*row[:3]), row[3]) if row else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
