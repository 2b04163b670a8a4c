"""What a person sees at the desk, and what came of it."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager

from tests.conftest import REPOSITORY, wait_for


@contextmanager
def running_demo(folder, *options):
    """Run `waste demo` in a folder; gives the link by which its person enters, and the file of what it says."""
    log = folder / "log"
    command = [sys.executable, "-m", "waste", "demo", *options, "--data-dir", str(folder / "data")]
    with log.open("wb") as file:
        demo = subprocess.Popen(command, cwd=REPOSITORY, stderr=file, stdout=file, env=os.environ | {"COLUMNS": "200"})
    try:
        link = wait_for(
            lambda: re.search(r"http://127\.0\.0\.1:\d+/enter/link\?token=[\w-]+", log.read_text("utf-8")), 60, "the link"
        )
        yield link[0], log
    finally:
        demo.terminate()
        demo.wait(30)


def ready(page):
    page.wait_for_function(
        "() => document.querySelector('#picture img')?.complete && document.querySelector('#work') && !document.querySelector('#work').hidden"
    )
    page.wait_for_timeout(150)


def labels(house):
    return dict(house.sql.execute("SELECT event_id, choice FROM standing_labels").fetchall())


def shown(page):
    return page.locator("#picture img").get_attribute("data-event")
