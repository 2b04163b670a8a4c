"""A suspect alone in a process of its own: only what becomes of that process is evidence."""

import sys
import threading
from datetime import UTC, datetime

import pytest

from contracts.ledger import ClaimedItem
from tests.makers import an_event
from worker.classify import Decided, ItemClassifier, Postponed
from worker.isolated import run_isolated


@pytest.fixture
def item():
    event, now = an_event(), datetime.now(UTC)
    return ClaimedItem(event.event_id, event.sensor_id, event.image_url, event.captured_at, now, now, 3, 2, 5.0)


@pytest.fixture
def classifier():
    def never(*_):
        raise AssertionError

    return ItemClassifier(never, never, threading.Semaphore(1), clock=lambda: datetime.now(UTC), chance=lambda: 0.5)


def child(code):
    return [sys.executable, "-S", "-c", f"import os, signal, sys; sys.stdin.buffer.read(); {code}"]


@pytest.mark.parametrize("death", ["SIGSEGV", "SIGABRT", "SIGKILL"])
def test_a_child_that_is_killed_makes_its_item_poison(item, classifier, death):
    result = run_isolated(item, classifier, child(f"os.kill(os.getpid(), signal.{death})"))
    assert isinstance(result, Decided)
    assert (result.outcome.reason, death in result.outcome.detail) == ("poison", True)


def test_a_child_that_hangs_makes_its_item_poison(item, classifier, monkeypatch):
    monkeypatch.setattr("worker.isolated.TIMEOUT_S", 0.5)
    result = run_isolated(item, classifier, child("import time; time.sleep(30)"))
    assert isinstance(result, Decided)
    assert result.outcome.reason == "poison"


@pytest.mark.parametrize(
    ("end", "said"), [("os.kill(os.getpid(), signal.SIGTERM)", "code -15"), ("sys.exit('the model is gone')", "the model is gone")]
)
def test_a_child_that_was_told_to_end_or_could_not_begin_is_no_evidence(item, classifier, end, said):
    result = run_isolated(item, classifier, child(end))
    assert isinstance(result, Postponed)
    assert (result.error.reason, said in result.error.detail) == ("unexpected", True)


def test_a_signal_to_the_workers_group_does_not_reach_the_child(item, classifier):
    result = run_isolated(item, classifier, child("sys.exit('alone' if os.getsid(0) == os.getpid() else 'in the group')"))
    assert isinstance(result, Postponed)
    assert result.error.detail.endswith("alone")
