"""The desk's pages and its API over HTTP: who gets in, what is meant, and what strangers' text can do."""

import io
import json
import re
from uuid import uuid4

import pytest
from PIL import Image

from contracts.accounts import Role
from contracts.review import Wish
from tests.desk_house import PASSWORD, URL
from tests.makers import a_jpeg, an_event

PAGES = {
    Role.REVIEWER: ["/review", "/review/grid", "/items", "/history", "/backlog", "/account", "/api/v1/items", "/api/v1/backlog"],
    Role.OPS: [
        "/failures",
        "/failures/export",
        "/quality",
        "/items?lane=failures",
        "/api/v1/items?lane=failures",
        "/api/v1/label-studio/tasks",
    ],
    Role.ADMIN: ["/people"],
}
XSS = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'-alert(1)-'", "{{7*7}}", "javascript:alert(1)",
    "\u202egnp.exe", "<svg onload=alert(1)>", "A" * 10_240, "</textarea><script>alert(1)</script>",
]  # fmt: skip


@pytest.mark.parametrize("role", [None, *Role])
def test_each_role_sees_its_pages_and_no_other(house, role):
    client = house.client("somebody", role) if role else house.client()
    for needed, paths in PAGES.items():
        for path in paths:
            status = client.get(path, follow_redirects=False).status_code
            if role is None:
                assert status == (401 if path.startswith("/api") else 303), path
            else:
                assert status == (200 if role.covers(needed) else 403), path


def test_nobody_without_a_role_sees_a_picture_and_a_failures_picture_is_for_ops(house):
    event = an_event(image_url=house.picture("seen.jpg"))
    (event_id,) = house.file(event=event)
    failed = house.fail(image_url=house.picture("failed.jpg"))
    path = f"/pictures/{event_id}/large"
    assert house.client().get(path).status_code == 401
    answer = house.client("rita").get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert house.client("rita").get(f"/pictures/{failed.event_id}/large").status_code == 404
    assert house.client("olga", Role.OPS).get(f"/pictures/{failed.event_id}/large").status_code == 200


def test_a_picture_is_made_anew_upright_and_without_what_came_with_it(house):
    picture = Image.new("RGB", (400, 200), "red")
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "<script>alert(1)</script>" * 20
    file = io.BytesIO()
    picture.save(file, "JPEG", exif=exif, comment=b"secret")
    (event_id,) = house.file(event=an_event(image_url=house.picture("turned.jpg", file.getvalue())))
    shown = house.client("rita").get(f"/pictures/{event_id}/large").content
    assert b"script" not in shown
    assert b"secret" not in shown
    assert Image.open(io.BytesIO(shown)).size == (200, 400)
    small = house.client("rita").get(f"/pictures/{event_id}/small").content
    assert max(Image.open(io.BytesIO(small)).size) == 320


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://waste-images/never.jpg", "no image"),
        ("s3://other-bucket/a.jpg", "not one of ours"),
        ("https://169.254.169.254/latest/meta-data", "not one of ours"),
        ("file:///etc/passwd", "neither s3 nor https"),
    ],
)
def test_a_picture_that_cannot_be_shown_says_why_and_the_server_goes_nowhere_it_must_not(house, url, said):
    (event_id,) = house.file(event=an_event(image_url=url))
    answer = house.client("rita").get(f"/pictures/{event_id}/large")
    assert answer.status_code == 404
    assert said in answer.text


def test_a_broken_file_is_no_picture(house):
    (event_id,) = house.file(event=an_event(image_url=house.picture("broken.jpg", a_jpeg()[:300])))
    answer = house.client("rita").get(f"/pictures/{event_id}/large")
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (404, "text/plain")


def test_people_sign_in_by_password_and_out_and_too_many_guesses_end_it(house):
    account = house.account("rita")
    house.desk.accounts.change("rita", password_hash=house.desk.passwords.hash(PASSWORD, "rita"))
    client = house.client()
    wrong = client.post("/enter", data={"name": "rita", "password": "x"})
    unknown = client.post("/enter", data={"name": "nobody", "password": "x"})
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert "Name or password is wrong" in wrong.text
    assert "Name or password is wrong" in unknown.text
    entered = client.post("/enter", data={"name": "Rita", "password": PASSWORD, "next": "/history"}, follow_redirects=False)
    assert (entered.status_code, entered.headers["location"]) == (303, "/history")
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    stored = [
        bytes(one)
        for (one,) in house.sql.execute("SELECT token_sha256 FROM credentials WHERE account_id = %s", (account.account_id,))
    ]
    assert client.cookies["waste-desk"].encode() not in stored
    page = client.get("/history").text
    csrf = re.search(r'name="csrf" value="(\w+)"', page)[1]
    assert client.post("/leave", data={"csrf": csrf}, follow_redirects=False).status_code == 303
    assert client.get("/history", follow_redirects=False).status_code == 303
    for _ in range(5):
        client.post("/enter", data={"name": "rita", "password": "guess"})
    locked = client.post("/enter", data={"name": "rita", "password": PASSWORD})
    assert locked.status_code == 429
    assert "quarter of an hour" in locked.text


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_leads_nowhere_else(house, target):
    house.account("rita")
    house.desk.accounts.change("rita", password_hash=house.desk.passwords.hash(PASSWORD, "rita"))
    entered = house.client().post("/enter", data={"name": "rita", "password": PASSWORD, "next": target}, follow_redirects=False)
    assert entered.headers["location"] == "/"


def test_a_weak_password_is_refused_and_a_new_one_ends_every_session(house):
    first, second = house.client("rita"), house.client("rita")
    csrf = {"csrf": first.headers["x-csrf-token"]}
    for weak in ("short", "aaaaaaaaaaaaaaaa", "rita is my name!"):
        assert first.post("/account/password", data=csrf | {"new": weak}).status_code == 422
    assert first.post("/account/password", data=csrf | {"new": PASSWORD}).status_code == 200
    assert second.get("/history", follow_redirects=False).status_code == 303


def test_a_link_opens_the_desk_once(house):
    house.account("rita")
    from dlq_review.people import login_link

    token = login_link(house.desk, "rita", URL).partition("token=")[2]
    client = house.client()
    assert client.get(f"/enter/link?token={token}").status_code == 200
    assert client.post("/enter/link", data={"token": token}, follow_redirects=False).status_code == 303
    assert client.get("/history").status_code == 200
    assert house.client().post("/enter/link", data={"token": token}).status_code == 401


def test_who_was_locked_is_out_at_once(house):
    client = house.client("rita")
    house.desk.accounts.change("rita", disabled=True)
    assert client.get("/history", follow_redirects=False).status_code == 303


def test_a_proxys_word_counts_only_with_its_secret(house):
    house.account("olga", Role.OPS)
    client = house.client(proxy_user_header="X-User", proxy_secret="s" * 20)
    assert client.get("/failures", headers={"X-User": "olga"}, follow_redirects=False).status_code == 303
    assert (
        client.get("/failures", headers={"X-User": "olga", "X-Proxy-Secret": "t" * 20}, follow_redirects=False).status_code == 303
    )
    assert client.get("/failures", headers={"X-User": "olga", "X-Proxy-Secret": "s" * 20}).status_code == 200


def test_a_request_that_no_page_of_the_desk_made_changes_nothing(house):
    (event_id,) = house.file()
    rita, other = house.client("rita"), house.client("rolf")
    form = {"event_id": str(event_id), "label_id": str(uuid4()), "page": str(uuid4()), "choice": "glass"}
    del rita.headers["x-csrf-token"]
    assert rita.post("/review/answer", data=form).status_code == 403
    assert rita.post("/review/answer", data=form | {"csrf": other.headers["x-csrf-token"]}).status_code == 403
    own = house.client("rita")
    form["csrf"] = own.headers["x-csrf-token"]
    assert own.post("/review/answer", data=form, headers={"origin": "https://evil.example"}).status_code == 403
    assert own.post("/review/answer", data=form, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert house.state(event_id) == ("open", None)
    assert own.post("/review/answer", data=form, follow_redirects=False).status_code == 303
    assert house.state(event_id) == ("labelled", "glass")
    assert own.post("/review/answer", data=form, follow_redirects=False).status_code == 303
    (row,) = house.sql.execute("SELECT count(*) FROM labels")
    assert row == (1,)


def test_another_name_for_this_server_is_refused(house):
    assert house.client("rita").get("/review", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("text", XSS)
def test_what_strangers_write_stays_text(house, text):
    letter = house.letter(sensor_id=text, image_url=f"s3://waste-images/{text}", model_version=text)
    house.desk.letters.file([letter])
    failed = house.letter(an_event(), sensor_id=text, reason=text[:100], detail=text, kind="failure", category=None, scores=None)
    house.desk.letters.file([failed])
    admin = house.client("anna", Role.ADMIN)
    for path in (
        "/review",
        "/review/grid",
        "/items?state=any",
        "/failures",
        f"/items/{letter.event_id}",
        f"/items/{failed.event_id}",
        "/failures/export",
    ):
        answer = admin.get(path)
        assert answer.status_code == 200, (path, answer.text[-500:])
        assert len(answer.content) < 100_000
        page = answer.text if path != "/failures/export" else ""
        assert "<script>alert" not in page
        assert "onerror=alert(1)>" not in page
        assert "<svg onload" not in page
        assert "\u202e" not in page
        assert "49" not in re.findall(r"sensor <span id=\"sensor\">([^<]*)", page)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    assert admin.get("/items", params={"text": text[:200]}).status_code == 200


def test_no_page_has_a_script_or_a_style_of_its_own(house):
    house.file(3)
    house.fail()
    admin = house.client("anna", Role.ADMIN)
    for path in [path for paths in PAGES.values() for path in paths if not path.startswith("/api")]:
        page = admin.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", page), path
        assert not re.search(r'(src|href|action)="(https?:)?//', page), path


def test_a_label_for_an_item_that_is_closed_and_other_wrong_things_are_said(house):
    (event_id,) = house.file()
    rita, rolf = house.client("rita"), house.client("rolf")
    assert rita.post(f"/api/v1/items/{event_id}/labels", json={"choice": "glass"}).json()["effect"] == "taken"
    assert rolf.post(f"/api/v1/items/{event_id}/labels", json={"choice": "metal"}).json()["effect"] == "taken"
    assert house.state(event_id) == ("labelled", "glass")
    wrong = rita.post(f"/api/v1/items/{event_id}/labels", json={"choice": "gold"})
    assert wrong.status_code == 422
    assert "choice" in wrong.json()["error"]
    unknown = rita.post(f"/api/v1/items/{uuid4()}/labels", json={"choice": "glass"})
    assert unknown.status_code == 422
    assert "not known" in unknown.json()["error"]
    said = rita.post(
        "/review/actions",
        json={
            "desk": str(uuid4()),
            "actions": [
                {"kind": "label", "event_id": str(uuid4()), "label_id": str(uuid4()), "choice": "glass"},
                {"kind": "skip", "event_id": str(event_id)},
            ],
        },
    )
    assert [sorted(result) for result in said.json()["results"]] == [["error"], ["effect", "item"]]


def test_a_large_body_is_refused(house):
    answer = house.client("rita").post(
        "/api/v1/label-studio/tasks", content=b"[" + b" " * 9_000_000 + b"]", headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413


def test_ops_redrive_and_put_away_by_page_and_by_api(house):
    events = [house.fail() for _ in range(4)]
    olga = house.client("olga", Role.OPS)
    csrf = {"csrf": olga.headers["x-csrf-token"]}
    page = olga.get("/failures").text
    query, expected = re.search(r'name="all_of" value="([^"]*)"', page)[1], re.search(r'name="expected" value="(\d+)"', page)[1]
    assert expected == "4"
    one = olga.post("/failures/redrive", data=csrf | {"events": [str(events[0].event_id)]}, follow_redirects=False)
    assert one.status_code == 303
    assert olga.post("/failures/discard", data=csrf | {"events": [str(events[1].event_id)], "reason": " "}).status_code == 422
    olga.post("/failures/discard", data=csrf | {"events": [str(events[1].event_id)], "reason": "a test bin"})
    assert (
        "2 opened again"
        in olga.post("/failures/redrive", data=csrf | {"all_of": query.replace("&amp;", "&"), "expected": expected}).text
    )
    assert house.desk.browser.counts()["failures"] == {}
    assert house.client("rita").post("/api/v1/failures/redrive", json={"events": [str(events[0].event_id)]}).status_code == 403
    again = olga.post("/api/v1/failures/redrive", json={"filter": {"state": "any", "reason": "image_missing"}}).json()
    assert (again["reopened"], len(again["left"])) == ([], 4)
    both = olga.post("/api/v1/failures/redrive", json={"events": [], "filter": None})
    assert both.status_code == 422


def test_labels_go_out_to_label_studio_and_come_back_once(house):
    ids = house.file(3)
    olga = house.client("olga", Role.OPS)
    tasks = olga.get("/api/v1/label-studio/tasks").json()
    assert {task["data"]["event_id"] for task in tasks} == {str(one) for one in ids}
    assert tasks[0]["predictions"][0]["result"][0]["value"]["choices"] == ["plastic"]
    result = {"from_name": "category", "to_name": "image", "type": "choices", "value": {"choices": ["Glass"]}}
    for number, task in enumerate(tasks):
        task["annotations"] = [{"id": number, "lead_time": 2.5, "created_at": "2026-05-01T12:00:00Z", "result": [result]}]
    token = house.desk.accounts.issue("api", house.account("studio").account_id, 600)
    tool = house.client()
    tool.headers["authorization"] = f"Bearer {token}"
    assert tool.post("/api/v1/label-studio/tasks", json=tasks).json() == {"effects": {"closed": 3}, "refused": []}
    assert tool.post("/api/v1/label-studio/tasks", json=tasks).json()["effects"] == {"repeated": 3}
    closed = olga.get("/api/v1/label-studio/tasks?state=labelled").json()
    assert {task["annotations"][0]["result"][0]["value"]["choices"][0] for task in closed} == {"glass"}
    tasks[1]["annotations"][0]["result"] = [result | {"value": {"choices": ["gold"]}}]
    wrong = tool.post("/api/v1/label-studio/tasks", json=tasks)
    assert wrong.status_code == 422
    assert "tasks[1].annotations[0].result" in wrong.json()["error"]


def test_the_api_is_described_and_pages_through_all_items(house):
    ids = house.file(5)
    rita = house.client("rita")
    described = rita.get("/api/v1/openapi.json").json()["paths"]
    assert set(described) == {
        "/api/v1/items", "/api/v1/items/{event_id}", "/api/v1/items/{event_id}/picture", "/api/v1/items/{event_id}/labels",
        "/api/v1/failures/redrive", "/api/v1/failures/discard", "/api/v1/backlog", "/api/v1/label-studio/tasks",
    }  # fmt: skip
    seen, after = [], None
    while True:
        page = rita.get("/api/v1/items", params={"limit": 2} | ({"after": after} if after else {})).json()
        seen += [item["event_id"] for item in page["items"]]
        if not (after := page["next"]):
            break
    assert sorted(seen) == sorted(str(one) for one in ids)


def test_a_spreadsheet_runs_nothing_of_an_export(house):
    house.fail(sensor_id="bin-1")
    house.sql.execute("""UPDATE failures SET detail = '=HYPERLINK("http://evil.example")'""")
    assert "'=HYPERLINK" in house.client("olga", Role.OPS).get("/failures/export").text


def test_a_policy_report_is_told(house):
    house.client().post("/csp-reports", content=json.dumps({"csp-report": {"blocked-uri": "x\n"}}))
    assert [fact.report for fact in house.telemetry.facts if type(fact).__name__ == "PolicyViolated"] == [
        '{"csp-report": {"blocked-uri": "x\\n"}}'
    ]


def test_the_backlog_says_when_it_is_empty_and_which_threshold_fits(house):
    house.file(3)
    page = house.client("rita").get("/backlog", params={"hours": 2, "speed": 100})
    assert page.status_code == 200
    assert "never, at this rate" in page.text
    assert house.client("rita").get("/api/v1/backlog").json()["open"] == 3
    assert house.desk.take(house.holder("rita"), Wish(), 3)


def test_telling_the_same_actions_twice_changes_nothing_and_a_bad_one_holds_up_no_other(house):
    first, second = house.file(2)
    rita = house.client("rita")
    ids = [str(uuid4()) for _ in range(3)]
    batch = {
        "desk": str(uuid4()),
        "actions": [
            {"kind": "label", "event_id": str(first), "label_id": ids[0], "choice": "glass"},
            {"kind": "label", "event_id": str(first), "label_id": ids[1], "replaces": ids[0]},
            {"kind": "label", "event_id": str(first), "label_id": ids[2], "choice": "metal"},
            {"kind": "label", "event_id": str(second), "label_id": str(uuid4()), "choice": "paper", "replaces": ids[0]},
        ],
    }
    once = rita.post("/review/actions", json=batch).json()["results"]
    assert [result.get("effect", "error") for result in once] == ["taken", "reopened", "taken", "error"]
    twice = rita.post("/review/actions", json=batch).json()["results"]
    assert [result.get("effect", "error") for result in twice] == ["repeated", "repeated", "repeated", "error"]
    correction = {"choice": "paper", "label_id": str(uuid4()), "replaces": ids[2]}
    for effect in ("taken", "repeated"):
        assert rita.post(f"/api/v1/items/{first}/labels", json=correction).json()["effect"] == effect
    assert house.state(first) == ("labelled", "paper")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "yesterday"])
def test_a_label_of_no_time_of_this_fleet_is_refused_and_one_of_the_future_is_of_now(house, moment):
    (event_id,) = house.file()
    rita = house.client("rita")
    result = {"from_name": "category", "value": {"choices": ["glass"]}}
    task = {"data": {"event_id": str(event_id)}, "annotations": [{"created_at": moment, "result": [result]}]}
    assert rita.post("/api/v1/label-studio/tasks", json=[task]).status_code == 422
    task["annotations"][0]["created_at"] = "2090-01-01T00:00:00Z"
    assert rita.post("/api/v1/label-studio/tasks", json=[task]).json()["effects"] == {"closed": 1}
    (row,) = house.sql.execute("SELECT labelled_at <= now() FROM labels")
    assert row == (True,)


def test_a_reviewer_cannot_look_up_which_items_are_closed_and_what_others_said(house):
    closed, waiting = house.file(2)
    house.client("olga", Role.OPS).post(f"/api/v1/items/{closed}/labels", json={"choice": "glass"})
    rita = house.client("rita")
    for state in ("open", "labelled", "any"):
        found = rita.get("/api/v1/items", params={"state": state}).json()["items"]
        assert {item["event_id"] for item in found} == {str(closed), str(waiting)}
        assert not {"state", "resolved", "closed_at", "leased"} & set(found[0])
    assert rita.get("/api/v1/items?answer=glass").status_code == 403
    assert rita.get("/items?answer=glass").status_code == 403

    def alike(event_id):
        page = rita.get(f"/items/{event_id}").text.replace(str(event_id), "ID")
        return re.sub(r'datetime="[^"]*"|title="[^"]*"|\d+\xa0s ago', "", page)

    assert alike(closed) == alike(waiting)


def test_slow_pictures_hold_up_nothing_but_pictures(house):
    import threading
    import time
    from dataclasses import replace

    class Slow:
        def jpeg(self, image_url, longest_px):
            time.sleep(1.0)
            return b""

    (event_id,) = house.file()
    house.desk = replace(house.desk, pictures=Slow())
    client = house.client("rita")
    with client:  # one loop for all
        jobs = [threading.Thread(target=client.get, args=(f"/pictures/{event_id}/large",)) for _ in range(60)]
        for job in jobs:
            job.start()
        time.sleep(0.3)
        began = time.monotonic()
        assert client.get("/enter").status_code == 200
        assert time.monotonic() - began < 1.0
        for job in jobs:
            job.join()


def test_a_programs_token_sets_no_password_and_who_has_one_has_to_say_it(house):
    account = house.account("rita")
    token = house.desk.accounts.issue("api", account.account_id, 600)
    taken = house.client().post("/account/password", data={"new": PASSWORD}, headers={"authorization": f"Bearer {token}"})
    assert taken.status_code == 403
    house.desk.accounts.change("rita", password_hash=house.desk.passwords.hash(PASSWORD, "rita"))
    rita = house.client("rita")
    csrf = {"csrf": rita.headers["x-csrf-token"]}
    assert rita.post("/account/password", data=csrf | {"new": "another horse battery", "old": "wrong"}).status_code == 403
    assert rita.post("/account/password", data=csrf | {"new": "another horse battery", "old": PASSWORD}).status_code == 200


def test_guesses_from_elsewhere_lock_nobody_out_and_refused_ones_are_many(house):
    for number in range(60):
        house.desk.accounts.may_try("rita", f"10.0.0.{number}")
    assert house.desk.accounts.may_try("rita", "10.0.1.1")
    assert [house.desk.accounts.may_try(f"name{n}", "10.9.9.9") for n in range(40)].count(True) == 30


def test_behind_a_proxy_nobody_enters_by_password(house):
    house.account("rita")
    house.desk.accounts.change("rita", password_hash=house.desk.passwords.hash(PASSWORD, "rita"))
    client = house.client(proxy_user_header="X-User", proxy_secret="s" * 20)
    assert client.post("/enter", data={"name": "rita", "password": PASSWORD}).status_code == 403


@pytest.mark.parametrize("name", ["rita\u3164", "r\u0456ta", "a  b", "", "-x", "a" * 100])
def test_a_name_that_could_be_taken_for_another_is_refused(house, name):
    from contracts.errors import RequestRefused

    with pytest.raises(RequestRefused, match="name"):
        house.account(name)


def test_a_filter_that_no_page_made_is_refused(house):
    olga = house.client("olga", Role.OPS)
    form = {"csrf": olga.headers["x-csrf-token"], "all_of": "&".join(f"a{n}=1" for n in range(30))}
    assert olga.post("/failures/redrive", data=form).status_code == 422
