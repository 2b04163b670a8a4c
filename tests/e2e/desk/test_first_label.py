"""From the start of the demo to the first label."""

import time

import pytest

from tests.desk_browser import ready, running_demo


@pytest.mark.timeout(180)
def test_in_the_demo_a_person_labels_the_first_item_within_a_minute(browser, tmp_path, capsys):
    began = time.monotonic()
    with running_demo(tmp_path) as (link, _):
        page = browser.new_page()
        page.goto(link)
        page.click("text=Enter")
        page.goto(f"{link.partition('/enter')[0]}/review")
        page.wait_for_selector("#picture img", timeout=60_000)
        ready(page)
        page.keyboard.press("2")
        page.wait_for_timeout(500)
        page.goto(f"{link.partition('/enter')[0]}/history")
        assert "paper" in page.inner_text("tbody tr")
        took_s = time.monotonic() - began
        page.close()
        second = browser.new_page()
        second.goto(link)
        second.click("text=Enter")
        assert "used before" in second.inner_text("main")
        second.close()
    with capsys.disabled():
        print(f"\nfirst label {took_s:.0f} s after the start of the demo")
    assert took_s < 60
