"""The fault suite: a short part by default, all of it with --faults, the planted faults with --planted, a soak with --minutes."""

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.fleet import BreakableFleet
from tests.faults.load import Load

_FAULTS = Counter()
_RECOVERIES = []
_STARTED = time.monotonic()


@pytest.fixture
def times(request):
    """How often to repeat: `times(60, 4)` is 60 in the whole suite and 4 in the short one."""
    whole = request.config.getoption("--faults")
    return lambda all_of_them, a_few: all_of_them if whole else a_few


@pytest.fixture(autouse=True)
def only_in_the_whole_suite(request):
    if request.node.get_closest_marker("whole") and not request.config.getoption("--faults"):
        pytest.skip("with --faults")


@pytest.fixture
def fault(request):
    """Count a fault that was done to the fleet; all tests of the run add up to the n of the report."""

    def count(kind, number=1):
        _FAULTS[kind] += number

    return count


@pytest.fixture
def recovered():
    """Note the seconds from a kill to the outcome of each event that the victim held."""
    return _RECOVERIES.extend


@pytest.fixture
def broken(tmp_path):
    """Start a fleet to break, and its load."""
    running = []

    def start(**settings):
        fleet = BreakableFleet(tmp_path / f"fleet-{len(running)}", **settings)
        running.append(fleet)
        fleet.start()
        return fleet, Load(fleet)

    yield start
    for fleet in running:
        fleet.stop()


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def pytest_terminal_summary(terminalreporter, config):
    number = sum(_FAULTS.values())
    if not number:
        return
    failed = len(terminalreporter.stats.get("failed", []))
    report = {"faults": dict(_FAULTS), "n": number, "failed_tests": failed, "seconds": round(time.monotonic() - _STARTED)}
    terminalreporter.section("faults")
    for kind, count in sorted(_FAULTS.items()):
        terminalreporter.line(f"{count:6}  {kind}")
    if _RECOVERIES:
        report["recovery_p99_s"] = round(percentile(_RECOVERIES, 0.99), 2)
        terminalreporter.line(
            f"after a worker was killed, its {len(_RECOVERIES)} events were decided within"
            f" {percentile(_RECOVERIES, 0.5):.1f} s (p50), {percentile(_RECOVERIES, 0.99):.1f} s (p99)"
        )
    if not failed:
        report["loss_per_fault_below"] = round(3 / number, 4)
        terminalreporter.line(
            f"nothing lost, doubled, invented or stuck in {number} faults: with 95 % confidence fewer than"
            f" {3 / number:.2%} of such faults lose or double an event (3/n)"
        )
    if path := config.getoption("--fault-report"):
        with Path(path).open("w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
