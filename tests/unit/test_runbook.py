"""Whoever is woken up finds the alert in the runbook, and the commands that stand there exist."""

import re
import subprocess
import sys

import pytest

from contracts import alerts
from tests.conftest import REPOSITORY

RUNBOOK = (REPOSITORY / "docs" / "runbook.md").read_text("utf-8")
HEADINGS = set(re.findall(r"^### (.+)$", RUNBOOK, re.MULTILINE))
KINDS = {value for name, value in vars(alerts).items() if name.isupper() and isinstance(value, str)}
ALARMS = (REPOSITORY / "infra" / "terraform" / "modules" / "observability" / "alarms.tf").read_text("utf-8")
COMMANDS = set(re.findall(r"`waste ((?:[a-z]+)(?: [a-z]+)?)", RUNBOOK))
COMMANDS |= set(re.findall(r"^waste ((?:[a-z]+)(?: [a-z]+)?)", RUNBOOK, re.MULTILINE))


def test_each_alert_of_the_fleet_has_an_entry():
    assert len(KINDS) >= 3
    assert HEADINGS >= KINDS


def test_each_alarm_of_cloudwatch_has_an_entry_and_no_entry_is_of_none():
    names = set(re.findall(r'\? *"([a-z-]+)"|: "([a-z-]+)" => merge|^    ([a-z-]+) += merge', ALARMS, re.MULTILINE))
    plain = {name for group in names for name in group if name}
    endings = {f"-{ending}" for ending in re.findall(r'"\$\{\w+\}-(\w+)" => merge', ALARMS)}
    assert endings == {"-oldest", "-memory", "-gone"}
    assert {"parked", "dead-letters", "database-storage", "backlog-untold"} <= plain
    of_prometheus = {one for one in HEADINGS if one.startswith("Waste")}  # tests/unit/test_prometheus_rules.py has those
    assert plain | endings == HEADINGS - KINDS - of_prometheus


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_each_command_exists(command):
    done = subprocess.run(
        [sys.executable, "-m", "waste", *command.split(), "--help"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
