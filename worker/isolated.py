"""A suspect item alone: two holders of it vanished, so the third try runs in a process of its own.

The parent sends nothing but the item; the child does what a worker does with one item and prints its result. Only
what becomes of the child is evidence against the item.
"""

import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from contracts.errors import ItemPoisonous, ItemUnexpected
from contracts.ledger import ClaimedItem
from contracts.ports import ImageSource
from worker.classify import Decided, Fetched, ItemClassifier, Postponed, Result, fetch

TIMEOUT_S = 45.0
_TOLD_TO_END = (-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)


def run_isolated(item: ClaimedItem, classifier: ItemClassifier, argv: Sequence[str]) -> Result:
    """Run `argv` (a child that calls `serve_one`) on an item; a child that is killed by it or hangs makes it poison.

    A child that could not begin, or was told to end together with its worker, is no evidence: the item is tried again.
    """
    try:
        done = subprocess.run(
            argv, input=pickle.dumps(item), capture_output=True, timeout=TIMEOUT_S, check=False, start_new_session=True
        )
    except subprocess.TimeoutExpired:
        return classifier.fail(item, ItemPoisonous(f"alone, it took over {TIMEOUT_S:g} s"))
    if done.returncode > 0 or done.returncode in _TOLD_TO_END:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        error = ItemUnexpected(f"alone, its process ended with code {done.returncode}: {last[:200]}")
        return classifier.classify(item, Fetched(error, 0.0))
    if done.returncode < 0:
        return classifier.fail(item, ItemPoisonous(f"alone, its process died of {signal.Signals(-done.returncode).name}"))
    result = pickle.loads(done.stdout)  # noqa: S301 - written by our own child
    assert isinstance(result, Decided | Postponed)  # noqa: S101 - what serve_one writes
    return result


def serve_one(classifier: ItemClassifier, images: ImageSource) -> int:
    """Be the child: read an item from stdin, write its result to stdout, return the exit code."""
    with suppress(OSError):
        # Where memory ends, the child shall die of it and not its parent.
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    item: ClaimedItem = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by our own parent
    sys.stdout.buffer.write(pickle.dumps(classifier.classify(item, fetch(item, images))))
    return 0
