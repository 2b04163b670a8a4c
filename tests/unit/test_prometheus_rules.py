"""Rules of Prometheus: each alert fires and is silent where it should, and leads to a page of the runbook."""

import re
import subprocess

import pytest
import yaml

from tests.conftest import REPOSITORY, need, program

FOLDER = REPOSITORY / "infra" / "prometheus"
ALERTS = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"] for rule in group["rules"]]
CASES = sorted((FOLDER / "tests").glob("*.yml"))
RUNBOOK = (REPOSITORY / "docs" / "runbook.md").read_text("utf-8")


def promtool(*arguments):
    tool = program("promtool")
    need(subprocess.run(["sh", "-c", f"command -v {tool}"], capture_output=True, check=False).returncode == 0, "promtool")
    return subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_rules_give_what_their_cases_say(path):
    done = promtool("test", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent():
    tested = [
        case
        for path in CASES
        for test in yaml.safe_load(path.read_text("utf-8"))["tests"]
        for case in test.get("alert_rule_test", ())
    ]
    for rule in ALERTS:
        fires = {bool(case["exp_alerts"]) for case in tested if case["alertname"] == rule["alert"]}
        assert fires == {True, False}, rule["alert"]


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_each_alert_says_how_urgent_it_is_and_leads_to_its_page(rule):
    assert rule["labels"]["severity"] in {"page", "ticket"}
    document, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert document == "docs/runbook.md"
    headings = {re.sub(r"[^a-z0-9_-]", "", title.lower().replace(" ", "-")) for title in re.findall(r"(?m)^#+ (.+)$", RUNBOOK)}
    assert anchor in headings


def test_no_page_of_the_runbook_is_of_an_alert_that_is_not_there():
    told = set(re.findall(r"(?m)^### (Waste\w+)$", RUNBOOK))
    assert told <= {rule["alert"] for rule in ALERTS}
