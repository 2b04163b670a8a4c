"""Accounts, as pages and the command line make them."""

import re

from contracts.accounts import Account, Role
from contracts.errors import RequestRefused
from dlq_review.desk import Desk

LINK_S = 24 * 3600.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,98}")


def create_account(desk: Desk, name: str, role: Role) -> Account:
    """Make an account; raises RequestRefused for a name that is taken or that could not be told from another on a page."""
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise RequestRefused("name", "is not 1 to 99 letters from A to Z, digits and ._@+-, a letter or digit first")
    return desk.accounts.create(name, role)


def login_link(desk: Desk, name: str, public_url: str, lifetime_s: float = LINK_S) -> str:
    """Return a link by which the account enters once; raises RequestRefused if no such account may enter."""
    found = desk.accounts.find(name)
    if found is None:
        raise RequestRefused("name", f"{name!r} has no account that may enter")
    token = desk.accounts.issue("link", found[0].account_id, lifetime_s)
    return f"{public_url}/enter/link?token={token}"
