"""A suspect alone in a process of its own: only what becomes of that process is evidence."""

import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contracts.ledger import ClaimedItem
from tests.makers import an_event
from worker.classify import Decided, ItemClassifier, Postponed
from worker.isolated import Isolated


@pytest.fixture
def item():
    event, now = an_event(), datetime.now(UTC)
    return ClaimedItem(event.event_id, event.sensor_id, event.image_url, event.captured_at, 1.0, now, 3, 2, 5.0)


@pytest.fixture
def classifier():
    def never(*_):
        raise AssertionError

    return ItemClassifier(never, None, clock=lambda: datetime.now(UTC), chance=lambda: 0.5)


def alone(classifier, code):
    """Run suspects in a child that does `code` with each item it gets over `line`."""
    setup = "import os, signal, sys, time; from multiprocessing.connection import Connection; line = Connection(int(sys.argv[1]))"
    return Isolated(classifier, lambda: [sys.executable, "-c", f"{setup}\nwhile True:\n item = line.recv()\n {code}"])


@pytest.mark.parametrize("death", ["SIGSEGV", "SIGABRT", "SIGKILL"])
def test_a_child_that_is_killed_makes_its_item_poison(item, classifier, death):
    with alone(classifier, f"os.kill(os.getpid(), signal.{death})") as run:
        result = run(item)
    assert isinstance(result, Decided)
    assert (result.outcome.reason, death in result.outcome.detail) == ("poison", True)


def test_a_child_that_hangs_makes_its_item_poison(item, classifier, monkeypatch):
    monkeypatch.setattr("worker.isolated.TIMEOUT_S", 0.5)
    with alone(classifier, "time.sleep(30)") as run:
        result = run(item)
    assert isinstance(result, Decided)
    assert result.outcome.reason == "poison"


@pytest.mark.parametrize(
    ("end", "code"), [("os.kill(os.getpid(), signal.SIGTERM)", "-15"), ("sys.exit('the model is gone')", "1"), ("os._exit(0)", "0")]
)
def test_a_child_that_was_told_to_end_or_could_not_begin_is_no_evidence(item, classifier, end, code):
    with alone(classifier, end) as run:
        result = run(item)
    assert isinstance(result, Postponed)
    assert (result.error.reason, f"code {code};" in result.error.detail) == ("unexpected", True)


def test_a_child_that_lingers_after_it_has_hung_up_is_no_evidence(item, classifier, monkeypatch):
    monkeypatch.setattr("worker.isolated._LAST_WORDS_S", 0.3)
    with alone(classifier, "line.close(); time.sleep(30)") as run:
        result = run(item)
    assert isinstance(result, Postponed)


def test_one_child_serves_many_and_its_successor_the_rest(item, classifier):
    end = "os.kill(os.getpid(), signal.SIGSEGV) if item.losses == 9 else line.send(item)"
    deadly = replace(item, losses=9)
    with alone(classifier, end) as run:
        pids = []
        for suspect in (item, item, deadly, item):
            with suppress(AssertionError):  # the child answers with what is no result
                run(suspect)
            pids.append(run._child and run._child.pid)
    assert pids[0] == pids[1]
    assert pids[2] is None
    assert pids[3] not in {None, pids[0]}


def test_a_signal_to_the_workers_group_does_not_reach_the_child(item, classifier):
    with alone(classifier, "sys.exit(7 if os.getsid(0) == os.getpid() else 8)") as run:
        result = run(item)
    assert isinstance(result, Postponed)
    assert "code 7;" in result.error.detail
