"""What people type wrongly is said on the page where they typed it, in words, and is not lost."""

import re
from uuid import uuid4

import pytest

from contracts.accounts import Role
from contracts.labels import Choice
from tests.desk_house import PASSWORD

INTERNALS = re.compile(
    r"Choice|Role\b|Input should|Value error|isoformat|_time|query\.|body\.|as it is:|pydantic|function-|Field required"
)


def form_of(client, **fields):
    return {"csrf": client.headers["x-csrf-token"]} | fields


def alert(answer):
    """Return what a page says is wrong."""
    said = re.search(r'role="alert">([^<]*)<', answer.text)[1]
    assert not INTERNALS.search(said), said
    return said


@pytest.mark.parametrize("path", ["/failures", "/items", "/items?lane=failures"])
def test_a_time_that_cannot_be_read_is_said_above_the_form_that_keeps_it(house, path):
    house.fail(sensor_id="bin-7")
    answer = house.client("olga", Role.OPS).get(
        path, params={"since": "garbage", "sensor": "bin-7"} | ({"lane": "failures"} if "=" in path else {})
    )
    assert answer.status_code == 422
    said = alert(answer)
    assert "From: “garbage” is no date and time" in said
    assert "2026-03-31T14:00" in said
    assert 'name="since" type="datetime-local" value="garbage"' in answer.text
    assert 'name="sensor" maxlength="100" value="bin-7"' in answer.text
    assert "Redrive all" not in answer.text
    assert "image_missing" not in answer.text


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/backlog?hours=x", "Hours a day: “x” is no number."),
        ("/backlog?hours=2000", "Hours a day: “2000” has to be 1000 or less."),
        ("/quality?days=0", "Days: “0” has to be 1 or more."),
        ("/review?category=gold", "Guess: “gold” is none of"),
        ("/review/grid?order=best", "Order: “best” is none of"),
        ("/items?state=shut", "State: “shut” is none of &#39;open&#39;, &#39;labelled&#39;"),
        ("/items/nonsense", "Item: “nonsense” is no id that can be read."),
    ],
)
def test_each_page_says_which_field_it_cannot_read(house, path, said):
    answer = house.client("olga", Role.OPS).get(path)
    assert answer.status_code == 422
    assert said in alert(answer)


def test_an_export_of_a_filter_that_cannot_be_read_leads_to_the_page_that_says_so(house):
    answer = house.client("olga", Role.OPS).get("/failures/export?until=never")
    assert "Until: “never” is no date and time" in alert(answer)


def test_a_form_of_failures_keeps_what_was_chosen_and_typed(house):
    one, other = house.fail(), house.fail("poison")
    olga = house.client("olga", Role.OPS)
    back = "state=open&reason=image_missing&lane=failures"
    empty = olga.post("/failures/discard", data=form_of(olga, events=str(one.event_id), reason=" ", back=back))
    assert empty.status_code == 422
    assert alert(empty) == "Reason to put away is empty: say why nobody will need them."
    assert f'value="{one.event_id}" checked' in empty.text
    assert str(other.event_id) not in empty.text
    without = olga.post("/failures/discard", data=form_of(olga, events=str(one.event_id), back=back))
    assert alert(without) == alert(empty)
    none = olga.post("/failures/discard", data=form_of(olga, reason="a test bin", back=back))
    assert none.status_code == 422
    assert alert(none).startswith("The chosen failures are none")
    assert 'maxlength="500" value="a test bin"' in none.text
    assert alert(olga.post("/failures/redrive", data=form_of(olga, back=back))).startswith("The chosen failures are none")
    assert house.sql.execute("SELECT DISTINCT state FROM failures").fetchall() == [("open",)]


def test_a_reason_that_is_missing_is_said_on_the_items_own_page(house):
    event = house.fail()
    olga = house.client("olga", Role.OPS)
    form = form_of(olga, events=str(event.event_id), item=str(event.event_id), reason="")
    answer = olga.post("/failures/discard", data=form)
    assert alert(answer) == "Reason to put away is empty: say why nobody will need them."
    assert f"<h1>{event.event_id}</h1>" in answer.text


def test_all_failures_of_a_filter_move_only_after_a_page_that_names_them(house):
    for _ in range(3):
        house.fail()
    house.fail("poison")
    olga = house.client("olga", Role.OPS)
    page = olga.get("/failures?reason=image_missing").text
    assert page.count("Reason to put away") == 1
    assert 'class="main"' not in page
    back = re.search(r'name="back" value="([^"]*)"', page)[1].replace("&amp;", "&")
    asked = olga.post("/failures/all", data=form_of(olga, back=back, what="discard", reason="old bins"))
    assert "Put away 3 failures?" in asked.text
    assert re.search(r"<dt>Reason</dt><dd>image_missing</dd>", asked.text)
    assert 'value="old bins"' in asked.text
    assert 'class="main"' not in asked.text
    assert house.sql.execute("SELECT count(*) FROM failures WHERE state = 'open'").fetchone() == (4,)
    all_of = re.search(r'name="all_of" value="([^"]*)"', asked.text)[1].replace("&amp;", "&")
    empty = olga.post("/failures/discard", data=form_of(olga, all_of=all_of, expected="3", reason=""))
    assert alert(empty) == "Reason to put away is empty: say why nobody will need them."
    assert "Put away 3 failures?" in empty.text
    done = olga.post("/failures/discard", data=form_of(olga, all_of=all_of, expected="3", reason="old bins"))
    assert "3 put away" in done.text
    assert house.sql.execute("SELECT reason FROM failures WHERE state = 'open'").fetchall() == [("poison",)]


def test_an_admin_is_told_on_the_page_of_people_what_cannot_be_done(house):
    anna = house.client("anna", Role.ADMIN)
    own = anna.post("/people/change", data=form_of(anna, name="anna", what="reviewer"))
    assert own.status_code == 422
    assert alert(own) == "The account anna is your own: another admin has to do that."
    assert "<h1>People</h1>" in own.text
    bad = anna.post("/people", data=form_of(anna, name="r i t a", role="ops"))
    assert alert(bad).startswith("Name is not 1 to 99 letters")
    assert 'value="r i t a"' in bad.text
    assert "<option selected>ops</option>" in bad.text
    assert alert(anna.post("/people", data=form_of(anna, name="", role="ops"))).startswith("Name is not")
    assert alert(anna.post("/people/change", data=form_of(anna, name="rita", what="boss"))).startswith("Change: “boss” is none of")


def test_a_password_that_cannot_be_set_is_said_on_the_accounts_page(house):
    rita = house.client("rita")
    weak = rita.post("/account/password", data=form_of(rita, new="short"))
    assert weak.status_code == 422
    assert "assword" in alert(weak)
    assert "<h1>rita</h1>" in weak.text
    house.desk.accounts.change("rita", password_hash=house.desk.passwords.hash(PASSWORD, "rita"))
    rita = house.client("rita")
    wrong = rita.post("/account/password", data=form_of(rita, new="another horse battery", old="wrong"))
    assert alert(wrong) == "Old password is not right. Nothing was changed."


def test_an_answer_that_was_corrected_before_is_said_among_ones_answers(house):
    (event_id,) = house.file()
    _, label_id = house.says("rita", event_id, Choice.GLASS)
    rita = house.client("rita")
    form = form_of(rita, event_id=str(event_id), replaces=str(label_id), choice="metal")
    rita.post("/history/correct", data=form)
    again = rita.post("/history/correct", data=form)
    assert again.status_code == 422
    assert alert(again).startswith("This answer was corrected or taken back before")
    assert "<h1>My answers</h1>" in again.text


def test_what_is_no_gold_is_said_on_the_items_page(house):
    (event_id,) = house.file()
    anna = house.client("anna", Role.ADMIN)
    answer = anna.post(f"/items/{event_id}/gold", data=form_of(anna, choice="glass"))
    assert alert(answer) == "Item has not been answered, so it cannot be gold; nothing was changed."
    assert f"<h1>{event_id}</h1>" in answer.text


def test_no_link_makes_a_page_say_what_the_desk_did_not(house):
    house.fail()
    olga = house.client("olga", Role.OPS)
    lies = {"said": "Call 0900 1234 for help", "seal": "0" * 64}
    for path in ("/failures", "/account", "/review/grid"):
        for query in (lies, {"said": lies["said"]}, {"done": f"{uuid4()}/{uuid4()}"}):
            page = olga.get(path, params=query).text
            assert "0900" not in page
            assert "labelled." not in page
    moved = olga.post("/failures/redrive", data=form_of(olga, events=str(house.fail().event_id)), follow_redirects=False)
    assert "1 opened again" in olga.get(moved.headers["location"]).text
    assert "1 opened again" not in house.client("otto", Role.OPS).get(moved.headers["location"]).text


def test_a_grid_with_nothing_chosen_says_so_and_keeps_its_filter(house):
    house.file(2)
    rita = house.client("rita")
    form = form_of(rita, page=str(uuid4()), choice="glass", back="order=oldest&sensor=&category=&reason=low_confidence")
    answer = rita.post("/review/grid", data=form)
    assert alert(answer).startswith("No picture was chosen")
    assert "reason=low_confidence" in answer.text
    assert house.sql.execute("SELECT count(*) FROM labels").fetchone() == (0,)


def test_programs_read_the_names_of_fields_and_nothing_of_how_they_are_checked(house):
    rita = house.client("rita")
    (event_id,) = house.file()
    for body in ({"choice": "gold"}, {"took_ms": "x"}, {"label_id": "x"}, {"colour": "red"}):
        said = rita.post(f"/api/v1/items/{event_id}/labels", json=body).json()["error"]
        assert next(iter(body)) in said
        assert not INTERNALS.search(said)
    headers = {"content-type": "application/json"}
    broken = rita.post(f"/api/v1/items/{event_id}/labels", content=b"{", headers=headers).json()["error"]
    assert broken == "The body is no JSON that can be read."
