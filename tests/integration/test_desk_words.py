"""What the desk's pages say, and that it is so: times, people, neighbours, labels, filters."""

import csv
import html
import io
import re
from datetime import timedelta
from uuid import uuid4

from psycopg.types.json import Jsonb

from contracts.accounts import Role
from contracts.labels import Choice
from contracts.review import Wish
from dlq_review.people import login_link
from tests.desk_house import PASSWORD, URL, ago


def test_what_a_sender_claims_is_laid_out_in_lines_and_stays_text(house):
    event_id = house.refused(b'{\n "a": 1\n}')
    claimed = {"signature": "s1", "sensor_id": "<b>bin</b> \u202e1", "place": "Zürich"}
    house.sql.execute("UPDATE failures SET claimed = %s WHERE event_id = %s", (Jsonb(claimed), event_id))
    page = house.client("olga", Role.OPS).get(f"/items/{event_id}").text
    shown = page.split("What its sender claims</h2><pre>")[1].split("</pre>")[0]
    assert html.unescape(shown).splitlines()[0] == "{"
    assert len(shown.splitlines()) == 5
    assert "\\u000a" not in page
    assert "Zürich" in shown
    assert "&lt;b&gt;bin&lt;/b&gt; \\u202e1" in shown
    assert page.split("As it came</h2><pre>")[1].split("</pre>")[0].count("\n") == 2
    assert "failed once" in page


def test_ones_answers_say_which_were_corrected_and_which_taken_back(house):
    corrected, back = house.file(2)
    for event_id, choice in ((corrected, Choice.METAL), (back, None)):
        _, label_id = house.says("rita", event_id, Choice.GLASS)
        house.says("rita", event_id, choice, replaces=label_id)
    page = house.client("rita").get("/history").text
    said = {
        (str(event_id), word)
        for event_id, word in re.findall(
            r'/items/([^"]*)".*?<td data-label="Answer">glass <span class="dim">([^<]*)', page, re.DOTALL
        )
    }
    assert said == {(str(corrected), "corrected"), (str(back), "taken back")}


def test_a_label_of_a_failure_stands_nowhere(house):
    event = house.fail()
    account = house.account("rita")
    house.sql.execute(
        "INSERT INTO labels (label_id, event_id, account_id, choice, purpose, origin) VALUES (gen_random_uuid(), %s, %s, 'glass', 'early', 'api')",
        (event.event_id, account.account_id),
    )
    assert "not answered anything" in house.client("rita").get("/history").text
    page = house.client("olga", Role.OPS).get(f"/items/{event.event_id}")
    assert page.status_code == 200
    assert "labelled" not in page.text
    assert "Judge it" not in page.text


def test_who_never_entered_was_never_seen(house):
    anna = house.client("anna", Role.ADMIN)
    house.account("nina")
    anna.post("/people/change", data={"csrf": anna.headers["x-csrf-token"], "name": "nina", "what": "link"})
    house.client("rita")
    seen = dict(re.findall(r'data-label="Name">([^<]*)</td>.*?data-label="Seen">(.*?)</td>', anna.get("/people").text, re.DOTALL))
    assert seen["nina"] == "never"
    assert "ago" in seen["rita"]
    link = login_link(house.desk, "nina", URL).partition("token=")[2]
    house.client().post("/enter/link", data={"token": link})
    house.sql.execute("DELETE FROM credentials WHERE account_id = (SELECT account_id FROM accounts WHERE name = 'nina')")
    seen = dict(re.findall(r'data-label="Name">([^<]*)</td>.*?data-label="Seen">(.*?)</td>', anna.get("/people").text, re.DOTALL))
    assert "ago" in seen["nina"]


def test_who_enters_by_a_link_is_told_how_to_set_a_password_and_what_that_ends(house):
    house.account("rita")
    client = house.client()
    token = login_link(house.desk, "rita", URL).partition("token=")[2]
    page = client.post("/enter/link", data={"token": token})
    assert page.url.path == "/account"
    assert "You have no password yet" in page.text
    assert "tokens of the API" in page.text
    assert 'name="old"' not in page.text
    house.desk.accounts.change("rita", password_hash=house.desk.passwords.hash(PASSWORD, "rita"))
    again = house.client("rita").get("/account").text
    assert "You have no password yet" not in again
    assert 'name="old"' in again
    token = login_link(house.desk, "rita", URL).partition("token=")[2]
    assert house.client().post("/enter/link", data={"token": token}).url.path == "/review"


def test_neighbours_show_their_pictures_times_and_the_item_between_them(house):
    at = ago(minutes=30)
    url = house.picture("near.jpg")
    before = house.event(sensor_id="bin-7", captured_at=at - timedelta(minutes=2), image_url=url)
    event = house.event(sensor_id="bin-7", captured_at=at, image_url=url)
    after = house.fail(sensor_id="bin-7", captured_at=at + timedelta(minutes=5), image_url=url)
    far = house.event(sensor_id="bin-8", captured_at=at, image_url=url)
    house.file(event=event)
    rita, olga = house.client("rita"), house.client("olga", Role.OPS)
    for page in (rita.get(f"/items/{event.event_id}").text, rita.get(f"/review/around/{event.event_id}").text):
        told = re.sub(r"<[^>]*>", " ", page.split('<ol class="neighbours">')[1].split("</ol>")[0])
        assert re.search(r"2\xa0min before .*this one .*5\xa0min after", told, re.DOTALL)
        assert f"{at:%H:%M:%S}" in told
        assert f'src="/pictures/{event.event_id}/near/{before.event_id}"' in page
        assert str(after.event_id) not in page
    near = f"/pictures/{event.event_id}/near"
    shown = rita.get(f"{near}/{before.event_id}")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert house.client().get(f"{near}/{before.event_id}").status_code == 401
    assert rita.get(f"{near}/{after.event_id}").status_code == 404
    assert olga.get(f"{near}/{after.event_id}").status_code == 200
    assert rita.get(f"{near}/{far.event_id}").status_code == 404
    assert rita.get(f"/pictures/{after.event_id}/near/{before.event_id}").status_code == 404


def test_an_export_says_who_closed_a_failure_and_why(house):
    event = house.fail()
    olga = house.client("olga", Role.OPS)
    olga.post(
        "/failures/discard", data={"csrf": olga.headers["x-csrf-token"], "events": str(event.event_id), "reason": "a test bin"}
    )
    (row,) = csv.DictReader(io.StringIO(olga.get("/failures/export?state=any").text))
    assert (row["closed_by"], row["close_reason"]) == ("olga", "a test bin")
    assert row["closed_at"].startswith("20")


def test_who_looks_at_a_picture_is_at_work(house):
    house.file(2)
    assert house.desk.backlog.now()["reviewers"] == 0
    house.client("rita").get("/review")
    assert house.desk.backlog.now()["reviewers"] == 1


def test_quality_says_too_few_where_few_pairs_say_nothing_and_no_median_where_there_is_none(house):
    (event_id,) = house.file()
    for name in ("rita", "rolf"):
        house.says(name, event_id, Choice.GLASS)
    page = house.client("olga", Role.OPS).get("/quality").text
    assert re.findall(r'data-label="Kappa">([^<]*)', page) == ["too few"] * 3
    assert "– s" not in page
    ids = house.file(9)
    for number, event in enumerate(ids):
        for name in ("rita", "rolf"):
            house.says(name, event, Choice.GLASS if number % 2 else Choice.METAL)
    assert "1.00" in re.findall(r'data-label="Kappa">([^<]*)', house.client("olga", Role.OPS).get("/quality").text)


def test_filters_say_how_they_match_and_in_which_time_zone(house):
    for path in ("/items", "/failures"):
        page = house.client("olga", Role.OPS).get(path, params={"since": "2026-03-31T14:00+02:00"}).text
        assert "have to match exactly" in page
        assert "From (UTC)" in page
        assert 'value="2026-03-31T12:00"' in page


def test_what_the_order_of_pictures_is_called_and_when_nothing_waits_the_backlog_is_empty(house):
    rita = house.client("rita")
    assert 'Order <select name="order"><option value="informative">most informative first' in rita.get("/review").text
    assert "<dt>empty</dt><dd>now</dd>" in rita.get("/backlog").text


def test_what_ones_own_other_page_holds_is_told_and_can_be_taken_over(house):
    ids = {str(one) for one in house.file(2)}
    rita = house.client("rita")
    holder = house.holder("rita")
    assert len(house.desk.take(holder, Wish(), 2)) == 2
    page = rita.get("/review").text
    assert "2 are</strong> open in another page of yours" in page
    assert "2 are</strong> open in another page of yours" in rita.get("/review/grid").text
    assert rita.post("/review/take", json={"desk": str(uuid4())}).json()["elsewhere"] == 2
    assert 'id="elsewhere" hidden' in house.client("rolf").get("/review").text
    taken = rita.post("/review/take-over", data={"csrf": rita.headers["x-csrf-token"], "target": "/review"})
    assert re.search(r'data-event="([^"]*)"', taken.text)[1] in ids
    assert house.desk.lane.renew(holder, list(ids)) == []
