"""`waste dlq label|import|redrive|discard|reconcile`."""

import argparse
import getpass
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

from contracts.accounts import Account, Actor
from contracts.errors import RequestRefused
from contracts.labels import SAID, Effect, NewLabel, Origin
from dlq_review.commands.meaning import failures_meant
from dlq_review.commands.output import note, print_json
from dlq_review.desk import Desk
from dlq_review.importing import import_labels
from dlq_review.label_studio import read_tasks
from dlq_review.reconcile import reconcile as bring_back

_MOST_NAMED = 20


def label(options: argparse.Namespace, desk: Desk) -> int:
    """Label an item."""
    account = _account(desk, options.account)
    own = desk.labels.own(options.event_id, account.account_id)
    if own and own[1] != options.choice and not options.replace:
        raise RequestRefused("choice", f"of {account.name} for this item is {own[1]} so far; --replace corrects it")
    replaces = own[0] if own and own[1] != options.choice else None
    new = NewLabel(uuid4(), options.event_id, account.account_id, options.choice, Origin.CLI, replaces=replaces)
    (effect,) = desk.labels.add([new])
    if effect is Effect.DIFFERS:
        raise RequestRefused("choice", f"of {account.name} for this item changed a moment ago; look at it once more")
    if effect is not Effect.REPEATED:
        desk.failures.note(actor(), "label", str(options.event_id), account=account.name)
    _say(options, {"effect": effect.value}, f"{effect.value}: {SAID[effect]}")
    return 0


def import_tasks(options: argparse.Namespace, desk: Desk) -> int:
    """Take the annotations of Label Studio's tasks as labels."""
    account = _account(desk, options.account)
    try:
        text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text("utf-8")
        tasks = json.loads(text)
    except json.JSONDecodeError as error:
        raise RequestRefused(options.file, f"cannot be read as JSON: line {error.lineno}, column {error.colno}") from None
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text, or nested too deeply"
        raise RequestRefused(options.file, f"cannot be read: {reason}") from None
    done = import_labels(desk.labels, read_tasks(tasks), account.account_id)
    desk.failures.note(actor(), "import labels", options.file[-200:], account=account.name, effects=dict(done.effects))
    for one in done.refused:
        note(f"refused: {one}")
    for event_id in done.differing:
        note(f"left out: {event_id}: {account.name} answered it otherwise before; waste dlq label --replace corrects it")
    said = ", ".join(f"{count} {effect}" for effect, count in done.effects.items()) or "no labels"
    told = {"effects": dict(done.effects), "refused": done.refused, "differing": [str(one) for one in done.differing]}
    _say(options, told, f"{said}; {len(done.refused)} refused")
    return 1 if done.refused or done.differing else 0


def redrive(options: argparse.Namespace, desk: Desk) -> int:
    """Open the events of failures again."""
    ids = failures_meant(options, desk)
    done = desk.redrive(ids, actor())
    told = {"reopened": done.reopened, "sent_again": done.sent_again, "left": done.left}
    said = f"{len(done.reopened)} opened again, {len(done.sent_again)} sent to the door again, {len(done.left)} left as they are"
    _say(options, told, said)
    return _moved(done.left, "is no open failure, or holds nothing that could be tried again")


def discard(options: argparse.Namespace, desk: Desk) -> int:
    """Put failures away with a reason."""
    meant = failures_meant(options, desk)
    done = desk.failures.discard(meant, actor(), options.because)
    left = sorted({*meant} - {*done})
    _say(options, {"discarded": done, "left": left}, f"{len(done)} put away, {len(left)} left as they are")
    return _moved(left, "is no open failure")


def reconcile(options: argparse.Namespace, desk: Desk) -> int:
    """File what the ledger has for people and no lane has."""
    filed = bring_back(desk.letters, desk.telemetry, options.older_than)
    desk.failures.note(actor(), "reconcile", filed=filed)
    _say(options, {"filed": filed}, f"{filed} brought back")
    return 0


def _moved(left: Sequence[UUID], why: str) -> int:
    for event_id in left[:_MOST_NAMED]:
        note(f"left as it is: {event_id} {why}")
    if len(left) > _MOST_NAMED:
        note(f"and {len(left) - _MOST_NAMED} more; --json names all")
    return 1 if left else 0


def _account(desk: Desk, name: str) -> Account:
    found = desk.accounts.find(name)
    if found is None:
        raise RequestRefused("--as", f"{name!r} has no account that may enter; waste dlq account list shows all, add makes one")
    return found[0]


def actor() -> Actor:
    """Return who uses this command line, as the audit trail names them."""
    return Actor(f"command line, {getpass.getuser()}")


def _say(options: argparse.Namespace, value: object, line: str) -> None:
    if options.json:
        print_json(value)
    else:
        sys.stdout.write(f"{line}\n")
