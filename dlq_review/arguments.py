"""The options of `waste dlq`."""

import argparse
from collections.abc import Callable
from typing import Any

from adapters.arguments import event_id, integer_between, member_of, moment, number_between
from contracts.accounts import Role
from contracts.labels import Choice
from contracts.review import MOST_AT_ONCE, Lane
from dlq_review.commands import accounts, acting, looking

_LONGEST_REASON = 500
_STATES = "labelled is of the review lane; redriven and discarded are of failures (default: open)"
_ROLES = "reviewers judge pictures, ops also mend failures, admins also make accounts (default: reviewer)"


def parser(drain: Callable[..., int], serve: Callable[..., int]) -> argparse.ArgumentParser:
    """Return the parser; `drain` and `serve` run programs, the other commands work at the desk and end."""
    top = argparse.ArgumentParser(prog="waste dlq", description="What the model was unsure of, and what could not be processed.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    programs = _add(commands, "drain", "move dead letters from their queue to the review desk", None)
    programs.add_argument("--once", action="store_true", help="end when the queue is empty")
    programs.set_defaults(program=drain)
    _add(commands, "serve", "serve the review desk's pages and its API", None).set_defaults(program=serve)
    _add_looking(commands)
    _add_acting(commands)
    _add_accounts(commands)
    return top


def _add(commands: Any, name: str, said: str, run: Callable[..., int] | None) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(name, help=said, description=said)
    made.set_defaults(run=run, program=None)
    return made


def _add_looking(commands: Any) -> None:
    listing = _add(commands, "list", "list items, oldest first", looking.list_items)
    _add_filter(listing)
    listing.add_argument("--limit", type=integer_between(0, 1_000_000), default=50, help="(default: 50)")
    listing.add_argument("--json", action="store_true")
    show = _add(commands, "show", "show everything known of one item, as JSON", looking.show)
    show.add_argument("event_id", type=event_id)
    depth = _add(commands, "depth", "count what is on the queue and in the lanes", looking.depth)
    depth.add_argument("--json", action="store_true")
    export = _add(commands, "export", "write items as lines of JSON, or as Label Studio's tasks", looking.export)
    _add_filter(export)
    export.add_argument("--format", choices=["jsonl", "label-studio", "label-studio-config"], default="jsonl")


def _add_acting(commands: Any) -> None:
    label = _add(commands, "label", "label an item", acting.label)
    label.add_argument("event_id", type=event_id)
    label.add_argument("choice", type=member_of(Choice), metavar="|".join(Choice))
    label.add_argument("--replace", action="store_true", help="correct the answer that this account gave before")
    brought = _add(commands, "import", "take labels from a file of Label Studio's tasks (- is stdin)", acting.import_tasks)
    brought.add_argument("file")
    for one in (label, brought):
        one.add_argument("--as", dest="account", required=True, metavar="NAME", help="the account that says so")
    redrive = _add(commands, "redrive", "open the events of failures again; ends with 1 if one of them stays", acting.redrive)
    discard = _add(commands, "discard", "put failures away; ends with 1 if one of them stays", acting.discard)
    discard.add_argument("--because", required=True, type=_reason, metavar="TEXT")
    for one in (redrive, discard):
        one.add_argument("event_ids", nargs="*", type=event_id)
        one.add_argument("--all", action="store_true", help=f"all that the filter means, {MOST_AT_ONCE} at most")
        _add_filter(one, lanes=False)
    back = _add(commands, "reconcile", "file what the ledger has for people and no lane has", acting.reconcile)
    back.add_argument("--older-than", type=number_between(0, 1e9), default=60.0, metavar="SECONDS", help="(default: 60)")
    for one in (label, brought, redrive, discard, back):
        one.add_argument("--json", action="store_true")


def _add_accounts(commands: Any) -> None:
    account = commands.add_parser("account", help="who may enter the review desk", description="Who may enter the review desk.")
    kinds = account.add_subparsers(required=True, metavar="WHAT")
    for what, said in (
        ("list", "list accounts"),
        ("add", "make an account, and print a link by which it enters once"),
        ("link", "print a link by which an account enters once"),
        ("reset", "forget an account's password, end its sessions and tokens, and print a link by which it enters once"),
        ("token", "print a token with which a program uses the API in an account's name"),
        ("role", "change what an account may do"),
        ("lock", "end an account's sessions and tokens, and let it in no more"),
        ("unlock", "let an account in again"),
    ):
        made = _add(kinds, what, said, accounts.account)
        made.set_defaults(what=what, role=None)
        made.add_argument("--json", action="store_true")
        if what != "list":
            made.add_argument("name", metavar="NAME")
        if what in {"add", "role"}:
            role = made.add_argument("--role", type=member_of(Role), metavar="|".join(Role), help=_ROLES)
            role.required, role.default = what == "role", Role.REVIEWER
        if what == "token":
            made.add_argument("--days", type=number_between(0.001, 3650), default=90.0, help="for so many days (default: 90)")


def _add_filter(made: argparse.ArgumentParser, *, lanes: bool = True) -> None:
    if lanes:
        made.add_argument("--lane", choices=[lane.value for lane in Lane], default="review", help="(default: review)")
        made.add_argument("--state", choices=["open", "labelled", "redriven", "discarded", "any"], default="open", help=_STATES)
    made.add_argument("--reason", type=_text, help="exactly this one")
    made.add_argument("--sensor", type=_text, help="exactly this one")
    made.add_argument("--since", type=moment, metavar="TIME", help="2026-05-01 or 2026-05-01T12:00; without a zone it is UTC")
    made.add_argument("--until", type=moment, metavar="TIME", help="up to this time, which is not in it")
    made.add_argument("--text", type=_text, help="looked for in ids, sensors, reasons, details and URLs")


def _reason(text: str) -> str:
    if not text.strip() or len(text) > _LONGEST_REASON:
        raise argparse.ArgumentTypeError(f"has to have 1 to {_LONGEST_REASON} letters")
    return text


def _text(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("is empty; leave it out, or say what is looked for")
    return text
