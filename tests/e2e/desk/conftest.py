"""People at the review desk, each in a real browser."""

import itertools
import os
import shutil

import pytest

from contracts.accounts import Role
from contracts.categories import CATEGORIES
from producer.render.scene import render
from tests.conftest import need
from tests.makers import an_event

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
]


@pytest.fixture(scope="module")
def browser():
    need(CHROMIUM is not None, "chromium (Debian's package)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=os.geteuid() != 0, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def enter(browser, house, served):
    """Return a page of somebody who is signed in; what it complains of fails the test, and what it asks, unless `asks` takes it."""
    contexts, complaints = [], []

    def enter(name="rita", role=Role.REVIEWER, asks=None, **options):
        context = browser.new_context(**({"viewport": {"width": 1440, "height": 900}} | options))
        contexts.append(context)
        account = found[0] if (found := house.desk.accounts.find(name)) else house.account(name, role)
        token = house.desk.accounts.issue("session", account.account_id, 600)
        context.add_cookies([{"name": "waste-desk", "value": token, "url": served.url}])
        page = context.new_page()
        said = complaints if asks is None else asks
        page.on("dialog", lambda dialog: (said.append(f"dialog: {dialog.type} {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.base = served.url
        return page

    yield enter
    for context in contexts:
        context.close()
    reports = [fact.report for fact in house.telemetry.facts if type(fact).__name__ == "PolicyViolated"]
    assert complaints + reports == []


@pytest.fixture
def pictures(house):
    """Return a function that files items whose pictures are there."""
    urls = [house.picture(f"browser-{n}.jpg", render(CATEGORIES[n % 5], n)) for n in range(10)]
    turn = itertools.count()

    def file(count, **changes):
        return [house.file(1, event=an_event(image_url=urls[next(turn) % 10], **changes))[0] for _ in range(count)]

    return file
