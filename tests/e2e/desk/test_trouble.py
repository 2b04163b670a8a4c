"""A network that fails, two people at once, leases that end, the back button: no answer is lost and none counts twice."""

import json
import time
from uuid import uuid4

from contracts.accounts import Role
from contracts.review import LEASE_S
from tests.conftest import wait_for
from tests.desk_browser import labels, ready, shown


def test_answers_that_the_network_swallows_are_kept_shown_and_told_once(enter, house, pictures):
    pictures(20)
    page = enter()
    page.goto(f"{page.base}/review")
    ready(page)
    page.wait_for_timeout(500)
    page.context.set_offline(True)
    for key in "1234":
        page.keyboard.press(key)
        page.wait_for_timeout(80)
    page.wait_for_selector("#notice.bad")
    assert "kept in this browser" in page.inner_text("#notice")
    assert labels(house) == {}
    page.context.set_offline(False)
    wait_for(lambda: len(labels(house)) == 4, 20, "the labels")
    page.wait_for_selector("#notice", state="hidden")
    (row,) = house.sql.execute("SELECT count(*) FROM labels")
    assert row == (4,)


def test_a_page_that_is_closed_without_a_network_tells_its_answers_when_it_is_opened_again(enter, house, pictures):
    pictures(6)
    page = enter()
    page.goto(f"{page.base}/review")
    ready(page)
    page.wait_for_timeout(500)
    page.context.set_offline(True)
    page.keyboard.press("1")
    page.wait_for_selector("#notice.bad")
    page.close()
    again = page.context.new_page()
    page.context.set_offline(False)
    again.goto(f"{page.base}/review")
    wait_for(lambda: len(labels(house)) == 1, 10, "the label")


def test_what_a_page_cannot_keep_it_says_and_tells_as_soon_as_its_person_is_back(enter, house, pictures):
    pictures(10)
    page = enter(asks=(asked := []))
    page.add_init_script("Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }")
    page.goto(f"{page.base}/review")
    ready(page)
    house.sql.execute("DELETE FROM credentials")
    page.keyboard.press("1")
    page.wait_for_selector("#notice a")
    assert "in this page alone" in page.inner_text("#notice")
    with page.context.expect_page() as opened:
        page.click("#notice a")
    opened.value.wait_for_load_state()
    page.close(run_before_unload=True)
    wait_for(lambda: page.wait_for_timeout(50) or asked, 5, "the question")
    account = house.desk.accounts.find("rita")[0]
    token = house.desk.accounts.issue("session", account.account_id, 600)
    page.context.add_cookies([{"name": "waste-desk", "value": token, "url": page.base}])
    page.wait_for_selector("#notice", state="hidden", timeout=15_000)
    assert len(labels(house)) == 1


def test_an_answer_is_told_in_nobody_elses_name(enter, house, pictures):
    pictures(10)
    page = enter()
    page.goto(f"{page.base}/review")
    ready(page)
    token = house.desk.accounts.issue("session", house.account("rolf").account_id, 600)
    page.context.add_cookies([{"name": "waste-desk", "value": token, "url": page.base}])
    page.keyboard.press("1")
    page.wait_for_selector("#notice a")
    page.wait_for_timeout(1000)
    assert labels(house) == {}


def test_what_cannot_be_read_in_the_browsers_storage_holds_up_no_answer(enter, house, pictures):
    event_id = str(pictures(4)[3])
    page = enter()
    page.goto(f"{page.base}/review")
    ready(page)
    kept = [{"kind": "label", "event_id": event_id, "label_id": str(uuid4()), "choice": "glass"}]
    page.evaluate(
        """kept => {
            const family = `waste-desk-${document.querySelector("main").dataset.account}`;
            for (const [name, text] of Object.entries({ 0: "null", a: '"text"', b: kept, c: "{" })) localStorage.setItem(`${family}/${name}`, text);
        }""",
        json.dumps(kept),
    )
    page.reload()
    wait_for(lambda: {str(one): choice for one, choice in labels(house).items()} == {event_id: "glass"}, 10, "the label")
    page.reload()
    ready(page)
    assert page.evaluate("Object.values(localStorage).sort()") == ['"text"', "null", "{"]


def test_the_last_answers_are_told_when_the_page_is_left(enter, house, pictures, monkeypatch):
    pictures(6)
    add = house.desk.labels.add
    monkeypatch.setattr(house.desk.labels, "add", lambda told: time.sleep(0.5) or add(told))
    page = enter()
    page.goto(f"{page.base}/review")
    ready(page)
    page.keyboard.press("1")
    page.wait_for_timeout(200)
    page.keyboard.press("2")
    page.goto(f"{page.base}/backlog")
    wait_for(lambda: len(labels(house)) == 2, 10, "the labels")
    (row,) = house.sql.execute("SELECT count(*) FROM labels")
    assert row == (2,)


def test_two_browsers_hold_different_items_and_a_closed_page_gives_them_back(enter, house, pictures):
    pictures(24)
    first, second = enter("rita"), enter("rolf")
    for page in (first, second):
        page.goto(f"{page.base}/review")
        ready(page)
        page.wait_for_timeout(500)
    held = dict(
        house.sql.execute(
            "SELECT a.name, count(*) FROM review_items JOIN accounts a ON a.account_id = lease_account GROUP BY 1"
        ).fetchall()
    )
    assert held["rita"] >= 8
    assert held["rolf"] >= 8
    assert shown(first) != shown(second)
    first.close(run_before_unload=True)
    wait_for(
        lambda: (
            house.sql.execute(
                "SELECT count(*) FROM review_items r JOIN accounts a ON a.account_id = r.lease_account WHERE a.name = 'rita'"
            ).fetchone()
            == (0,)
        ),
        10,
        "the leases",
    )


def test_who_was_away_past_the_lease_is_told_and_the_answer_is_kept(enter, house, pictures):
    (event_id,) = pictures(1)
    page, other = enter("rita"), enter("rolf")
    page.goto(f"{page.base}/review")
    ready(page)
    house.lapse(LEASE_S + 1)
    other.goto(f"{other.base}/review")
    ready(other)
    assert shown(other) == str(event_id)
    other.keyboard.press("3")
    wait_for(lambda: house.state(event_id) == ("labelled", "glass"), 5, "the first answer")
    page.keyboard.press("4")
    wait_for(lambda: house.sql.execute("SELECT count(*) FROM labels").fetchone() == (2,), 5, "both answers")
    assert house.state(event_id) == ("labelled", "glass")


def test_the_back_button_and_a_reload_change_nothing_without_scripts_too(enter, house, pictures):
    pictures(5)
    page = enter(java_script_enabled=False)
    page.goto(f"{page.base}/review")
    first = shown(page)
    with page.expect_navigation():
        page.click("button.glass")
    page.go_back()
    assert shown(page) != first
    page.reload()
    assert {str(event_id): choice for event_id, choice in labels(house).items()} == {first: "glass"}


def test_signing_out_in_the_middle_keeps_the_answers(enter, house, pictures):
    pictures(10)
    page = enter()
    page.goto(f"{page.base}/review")
    ready(page)
    house.desk.accounts.change("rita", role=Role.REVIEWER)  # ends her sessions
    page.keyboard.press("1")
    page.wait_for_selector("#notice a")
    assert "signed out" in page.inner_text("#notice")
    account = house.desk.accounts.find("rita")[0]
    token = house.desk.accounts.issue("session", account.account_id, 600)
    page.context.add_cookies([{"name": "waste-desk", "value": token, "url": page.base}])
    page.goto(f"{page.base}/review")
    wait_for(lambda: len(labels(house)) == 1, 10, "the label")
