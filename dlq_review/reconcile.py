"""Brings back what the dead-letter queue lost: the ledger knows every letter, and a lane must have it."""

import time

from contracts.facts import DeadLettersFiled
from contracts.ports import Telemetry
from contracts.review_ports import LostLetters

_BATCH = 500
GRACE_S = 60.0
"""How old a letter must be to count as lost: it may be on its way."""


EVER_S = 1e10


def reconcile(letters: LostLetters, telemetry: Telemetry, grace_s: float = GRACE_S, since_s: float = EVER_S) -> int:
    """File what the ledger recorded since `since_s` ago and no lane has; return how many.

    Raises LedgerUnavailable, and may be repeated.
    """
    filed = 0
    while batch := letters.lost(_BATCH, grace_s, since_s):
        began = time.perf_counter()
        new = letters.file(batch)
        telemetry.emit(DeadLettersFiled(batch, new, began, (began, time.perf_counter())))
        filed += new
        if not new:  # somebody else files them at this moment
            break
    return filed
