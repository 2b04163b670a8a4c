"""`waste dlq account add|list|link|reset|token|role|lock|unlock`."""

import argparse
import sys

from contracts.accounts import Account, Role
from contracts.errors import RequestRefused
from dlq_review.commands.acting import actor
from dlq_review.commands.output import note, print_json, print_table
from dlq_review.desk import Desk
from dlq_review.people import create_account, login_link

_DAY_S = 86_400.0
_MAY_END_ADMINS = frozenset({"lock", "role"})
_COLUMNS = ("name", "role", "created_at", "seen_at", "disabled_at")


def account(options: argparse.Namespace, desk: Desk) -> int:
    """Make and change accounts."""
    if options.what == "list":
        rows = desk.accounts.everyone()
        print_json(rows) if options.json else print_table(rows, _COLUMNS, "there are no accounts; waste dlq account add makes one")
        return 0
    said = _DO[options.what](options, desk)
    desk.failures.note(actor(), f"account: {options.what}", options.name)
    if options.what in _MAY_END_ADMINS and not _has_admin(desk):
        note("there is no admin who may enter (any more); waste dlq account role NAME --role admin makes one")
    print_json(said) if options.json else sys.stdout.write("\n".join(said.values()) + "\n")
    return 0


def _has_admin(desk: Desk) -> bool:
    return any(row["role"] == Role.ADMIN and row["disabled_at"] is None for row in desk.accounts.everyone())


def _add(options: argparse.Namespace, desk: Desk) -> dict[str, str]:
    made = create_account(desk, options.name, options.role)
    return {"link": login_link(desk, made.name, desk.public_url)}


def _link(options: argparse.Namespace, desk: Desk) -> dict[str, str]:
    return {"link": login_link(desk, options.name, desk.public_url)}


def _reset(options: argparse.Namespace, desk: Desk) -> dict[str, str]:
    if desk.accounts.find(options.name) is None:
        raise RequestRefused("name", f"{options.name!r} has no account that may enter; waste dlq account list shows who is locked")
    _changed(desk.accounts.change(options.name, password_hash=""), options.name)
    return _link(options, desk)


def _token(options: argparse.Namespace, desk: Desk) -> dict[str, str]:
    found = desk.accounts.find(options.name)
    if found is None:
        raise RequestRefused("name", f"{options.name!r} has no account that may enter")
    return {"token": desk.accounts.issue("api", found[0].account_id, options.days * _DAY_S)}


def _role(options: argparse.Namespace, desk: Desk) -> dict[str, str]:
    found = desk.accounts.find(options.name)
    if found and found[0].role is options.role:
        return {"account": f"{found[0].name}: {found[0].role}, as before"}
    return _changed(desk.accounts.change(options.name, role=options.role), options.name, ": its sessions and tokens have ended")


def _lock(options: argparse.Namespace, desk: Desk) -> dict[str, str]:
    locked = options.what == "lock"
    state = ", locked: its sessions and tokens have ended" if locked else ", may enter"
    return _changed(desk.accounts.change(options.name, disabled=locked), options.name, state)


def _changed(found: Account | None, name: str, state: str = "") -> dict[str, str]:
    if found is None:
        raise RequestRefused("name", f"{name!r} has no account")
    return {"account": f"{found.name}: {found.role}{state}"}


_DO = {"add": _add, "link": _link, "reset": _reset, "token": _token, "role": _role, "lock": _lock, "unlock": _lock}
