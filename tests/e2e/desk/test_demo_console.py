"""The console of `waste demo`: on nothing but what its bins sent and its plant told."""

import os
import re
import subprocess

import pytest

from adapters.postgres.connections import open_pool
from adapters.postgres.rollups import PostgresRollups
from contracts.categories import CATEGORIES
from tests.conftest import REPOSITORY, wait_for
from tests.desk_browser import running_demo
from tests.e2e.desk.test_console import SHOTS, drawn

EVENTS, RATE = 4000, 15


@pytest.mark.skipif(not os.environ.get("SCREENSHOTS"), reason="with SCREENSHOTS=1: takes six minutes and writes into docs/")
@pytest.mark.timeout(900)
def test_a_demo_is_seen_on_the_console_and_photographed(browser, tmp_path):
    with running_demo(tmp_path, "--events", str(EVENTS), "--rate", str(RATE)) as (link, log):
        base = link.partition("/enter")[0]
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(link)
        page.click("text=Enter")
        wait_for(lambda: "the gateway" in log.read_text("utf-8"), 600, "all to be decided")
        hear_the_plant(log.read_text("utf-8"))
        count_labels(tmp_path / "data" / "secrets" / "review.env")
        wait_for(lambda: rolled_up(page, base), 240, "the rollups to be there")
        for name, path in (("fleet", "/console"), ("model", "/console/model?days=2")):
            page.goto(base + path)
            drawn(page, 3)
            page.screenshot(path=SHOTS / f"demo-{name}-1440.png")
        page.close()


def hear_the_plant(told):
    """Do what the demo's last lines say of what plants tell."""
    (line,) = [line[21:].partition(" (")[0] for line in told.splitlines() if line[:20].strip() == "what plants tell"]
    subprocess.run(line, shell=True, cwd=REPOSITORY, check=True, capture_output=True)
    subprocess.run(line.partition(" truth ")[0] + " truth join", shell=True, cwd=REPOSITORY, check=True)


def count_labels(login):
    """Do at once what the drain does within half an hour."""
    url = re.search(r"^DATABASE_URL=(\S+)", login.read_text("utf-8"), re.MULTILINE)[1]
    with open_pool(url, name="test", max_size=1) as pool:
        rollups = PostgresRollups(pool, CATEGORIES)
        for _ in range(61):
            rollups.count_labels()


def rolled_up(page, base):
    """Return whether Model counts all decisions but failures, and most of what the plant told."""
    page.goto(f"{base}/console/model?days=2")
    decided, labels = (int(page.inner_text(f"[data-figure={name}]").replace(",", "")) for name in ("decided", "rolling_labels"))
    return decided >= 0.98 * EVENTS and labels > 0.5 * EVENTS
