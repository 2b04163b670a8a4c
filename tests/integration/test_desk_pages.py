"""The desk's pages over HTTP: pictures, failures, and what strangers' text can do."""

import io
import json
import re
import threading
import time
from dataclasses import replace

import pytest
from PIL import Image

from contracts.accounts import Role
from contracts.review import Wish
from tests.desk_house import PAGES
from tests.makers import a_jpeg, an_event

XSS = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'-alert(1)-'", "{{7*7}}", "javascript:alert(1)",
    "\u202egnp.exe", "<svg onload=alert(1)>", "A" * 10_240, "</textarea><script>alert(1)</script>",
]  # fmt: skip


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


def test_ops_redrive_and_put_away_by_page_and_by_api(house):
    events = [house.fail() for _ in range(4)]
    olga = house.client("olga", Role.OPS)
    csrf = {"csrf": olga.headers["x-csrf-token"]}
    back = re.search(r'name="back" value="([^"]*)"', olga.get("/failures").text)[1].replace("&amp;", "&")
    page = olga.post("/failures/all", data=csrf | {"back": back, "what": "redrive"}).text
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
    assert re.search(r"<dt>empty, at this rate</dt><dd>never</dd>", page.text)
    assert house.client("rita").get("/api/v1/backlog").json()["open"] == 3
    assert house.desk.take(house.holder("rita"), Wish(), 3)


def test_slow_pictures_hold_up_nothing_but_pictures(house):
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


def test_a_filter_that_no_page_made_is_refused(house):
    olga = house.client("olga", Role.OPS)
    form = {"csrf": olga.headers["x-csrf-token"], "all_of": "&".join(f"a{n}=1" for n in range(30))}
    assert olga.post("/failures/redrive", data=form).status_code == 422
