"""A suspect alone in a process of its own: only what becomes of that process is evidence."""

import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

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
    """Run suspects in a child that begins with each item it gets over `line`, and then does `code`."""
    setup = "import os, signal, sys, time; from multiprocessing.connection import Connection; line = Connection(int(sys.argv[1]))"
    return Isolated(
        classifier, lambda: [sys.executable, "-c", f"{setup}\nwhile True:\n item = line.recv()\n line.send(item.event_id)\n {code}"]
    )


@pytest.mark.parametrize("death", ["SIGSEGV", "SIGABRT", "SIGKILL"])
def test_a_child_that_is_killed_makes_its_item_poison(item, classifier, death):
    with alone(classifier, f"os.kill(os.getpid(), signal.{death})") as child, child.turn(1) as run:
        result = run(item)
    assert isinstance(result, Decided)
    assert (result.outcome.reason, death in result.outcome.detail) == ("poison", True)


def test_a_child_that_hangs_makes_its_item_poison(item, classifier, monkeypatch):
    monkeypatch.setattr("worker.isolated.TIMEOUT_S", 0.5)
    with alone(classifier, "time.sleep(30)") as child, child.turn(1) as run:
        result = run(item)
    assert isinstance(result, Decided)
    assert result.outcome.reason == "poison"


@pytest.mark.parametrize(
    ("end", "code"), [("os.kill(os.getpid(), signal.SIGTERM)", "-15"), ("sys.exit('the model is gone')", "1"), ("os._exit(0)", "0")]
)
def test_a_child_that_was_told_to_end_or_could_not_begin_is_no_evidence(item, classifier, end, code):
    with alone(classifier, end) as child, child.turn(1) as run:
        result = run(item)
    assert isinstance(result, Postponed)
    assert (result.error.reason, f"code {code};" in result.error.detail) == ("unexpected", True)


def test_a_child_that_lingers_after_it_has_hung_up_is_no_evidence(item, classifier, monkeypatch):
    monkeypatch.setattr("worker.isolated._LAST_WORDS_S", 0.3)
    with alone(classifier, "line.close(); time.sleep(30)") as child, child.turn(1) as run:
        result = run(item)
    assert isinstance(result, Postponed)


def pid_after(child, item):
    """Run an item in a child that answers with what is no result; returns who that was, None if it is no more."""
    with child.turn(1) as run, suppress(AssertionError):
        run(item)
    return child._child and child._child.pid


def test_one_child_serves_many_and_its_successor_the_rest(item, classifier):
    end = "os.kill(os.getpid(), signal.SIGSEGV) if item.losses == 9 else line.send(item)"
    deadly = replace(item, losses=9)
    with alone(classifier, end) as child:
        pids = [pid_after(child, suspect) for suspect in (item, item, deadly, item)]
    assert pids[0] == pids[1]
    assert pids[2] is None
    assert pids[3] not in {None, pids[0]}


def test_wake_ups_share_one_child_and_the_last_of_them_ends_it(item, classifier):
    child = alone(classifier, "line.send(item)")
    with child:
        first = pid_after(child, item)
        with child:
            assert pid_after(child, item) == first
        assert pid_after(child, item) == first
    assert child._child is None
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    with child:
        assert pid_after(child, item) not in {None, first}


def test_another_model_is_another_child(item, classifier):
    child, model = alone(classifier, "line.send(item)"), ["m1"]
    child._model = lambda: model[0]
    with child:
        first = pid_after(child, item)
        model[0] = "m2"
        second = pid_after(child, item)
        assert second not in {None, first}
        assert pid_after(child, item) == second


def test_a_child_that_has_died_of_others_or_while_it_waited_is_no_evidence(item, classifier):
    answer = "line.send(Postponed(item, ItemUnexpected('tried'), 1.0))"
    code = f"from worker.classify import Postponed; from contracts.errors import ItemUnexpected; {answer}"
    late = f"{code}; time.sleep(0.2 if item.losses == 9 else 0); item.losses == 9 and os.kill(os.getpid(), signal.SIGSEGV)"
    with alone(classifier, late) as child, child.turn(1) as run:
        run(replace(item, losses=9))  # which kills it later
        assert run(item).error.detail == "tried"
        os.kill(child._child.pid, signal.SIGKILL)
        child._child.wait()
        assert run(item).error.detail == "tried"


def test_a_child_that_is_killed_before_it_begins_is_no_evidence(item, classifier):
    dies = Isolated(classifier, lambda: [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])
    with dies as child, child.turn(1) as run:
        result = run(item)
    assert isinstance(result, Postponed)
    assert "code -9;" in result.error.detail


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("command", [["/nowhere/python"], [sys.executable, "with \0 in it"]])
def test_a_child_that_cannot_be_started_leaves_nothing_behind(item, classifier, command):
    before = open_files()
    child = Isolated(classifier, lambda: command)
    with child, child.turn(1) as run:
        if command[-1] == "/nowhere/python":
            assert "did not start" in run(item).error.detail
        else:
            with pytest.raises(ValueError, match="null"):
                run(item)
    assert (child._line, child._child) == (None, None)
    assert open_files() == before


def test_a_turn_is_one_threads_and_another_does_not_wait_for_ever(item, classifier):
    child, asked = alone(classifier, "line.send(item)"), []

    def ask():
        with child, child.turn(0.1) as run:
            asked.append(run)

    with child, child.turn(0.1) as run:
        other = threading.Thread(target=ask)
        other.start()
        other.join()
        with suppress(AssertionError):
            run(item)
    assert asked == [None]
    assert child._child is None


def test_a_signal_to_the_workers_group_does_not_reach_the_child(item, classifier):
    with alone(classifier, "sys.exit(7 if os.getsid(0) == os.getpid() else 8)") as child, child.turn(1) as run:
        result = run(item)
    assert isinstance(result, Postponed)
    assert "code 7;" in result.error.detail
