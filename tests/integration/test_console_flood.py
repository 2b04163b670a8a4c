"""However slow the console's questions are, and however many ask, reviewers go on."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import psycopg

from contracts.accounts import Role


def test_pages_of_the_console_that_wait_for_the_database_hold_up_no_reviewer(filled, olga, database_url, served):
    filled.room.lately.forget()
    rita = filled.client("rita", Role.REVIEWER)

    def get(client, path):
        began = time.monotonic()
        with httpx2.Client(timeout=60, cookies=dict(client.cookies)) as browser:
            return browser.get(served.url + path).status_code, time.monotonic() - began

    with psycopg.connect(database_url) as hindrance, ThreadPoolExecutor(50) as tabs:
        hindrance.execute("LOCK TABLE rolling IN ACCESS EXCLUSIVE MODE")
        asked = [tabs.submit(get, olga, path) for path in ["/console", "/console/model", "/console/search?kind=review"] * 16]
        time.sleep(2)
        status, took_s = get(rita, "/review")
        hindrance.rollback()
        assert {one.result()[0] for one in asked} <= {200, 503}
    assert (status, took_s < 3) == (200, True)
