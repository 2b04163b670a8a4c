"""A suspect item alone: two holders of it vanished, so the third try runs in a process of its own.

The parent sends nothing but the item; the child does what a worker does with one item and prints its result.
"""

import pickle
import subprocess
import sys
from collections.abc import Sequence

from contracts.errors import ItemPoisonous
from contracts.ledger import ClaimedItem
from contracts.ports import ImageSource
from worker.classify import Decided, ItemClassifier, Postponed, Result, fetch

TIMEOUT_S = 45.0


def run_isolated(item: ClaimedItem, classifier: ItemClassifier, argv: Sequence[str]) -> Result:
    """Run `argv` (a child that calls `serve_one`) on an item; a child that dies or hangs makes it poison."""
    try:
        done = subprocess.run(argv, input=pickle.dumps(item), capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return classifier.fail(item, ItemPoisonous(f"alone, it took over {TIMEOUT_S:g} s"))
    if done.returncode != 0:
        return classifier.fail(item, ItemPoisonous(f"alone, its process ended with code {done.returncode}"))
    result = pickle.loads(done.stdout)  # noqa: S301 - written by our own child
    assert isinstance(result, Decided | Postponed)  # noqa: S101 - what serve_one writes
    return result


def serve_one(classifier: ItemClassifier, images: ImageSource) -> int:
    """Be the child: read an item from stdin, write its result to stdout, return the exit code."""
    item: ClaimedItem = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by our own parent
    sys.stdout.buffer.write(pickle.dumps(classifier.classify(item, fetch(item, images))))
    return 0
