"""The console in a real browser: on the data of a real fleet, live, on a phone and in the dark."""

import os
import re
import subprocess
import sys

import httpx2
import pytest

from adapters.postgres.connections import open_pool
from adapters.postgres.rollups import PostgresRollups
from contracts.accounts import Role
from contracts.categories import CATEGORIES
from dlq_review.report.__main__ import main as report
from local.fleet import LocalFleet
from local.ports import free_port
from tests.conftest import REPOSITORY, wait_for
from tests.console_data import fill, roll_up
from tests.e2e.conftest import Outside
from tests.e2e.desk.test_appearance import CONTRAST, STRANGE
from tests.makers import an_outcome

SHOTS = REPOSITORY / "docs" / "screenshots"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The fleet of the demo, with the pages that people meet."""
    with LocalFleet(tmp_path_factory.mktemp("fleet"), durable=False, desk=True) as fleet:
        yield Outside(fleet)


@pytest.fixture
def photograph():
    def photograph(page, name):
        if os.environ.get("SCREENSHOTS"):
            SHOTS.mkdir(exist_ok=True)
            page.screenshot(path=SHOTS / f"console-{name}.png")

    return photograph


def drawn(page, count):
    page.wait_for_function(f"() => document.querySelectorAll('.canvas canvas').length >= {count}")


def values(page, name):
    """Return the table below a chart: rows of what stands in its cells, but the unit."""
    page.evaluate(f"document.querySelector('[data-chart=\"{name}\"] details').open = true")
    rows = page.locator(f'[data-chart="{name}"] tbody tr')
    return [[cell.split("\u00a0")[0] for cell in row.locator("td").all_inner_texts()] for row in rows.all()]


def test_a_fleet_that_has_just_decided_is_told_as_the_ledger_has_it(demo, browser, pictures_of_all, photograph):
    ids = demo.send(pictures_of_all)
    demo.send_url("s3://waste-images/nothing/there.jpg")
    outcomes = demo.await_outcomes(ids)
    with open_pool(demo.fleet.database_urls["review"], name="test", max_size=1) as pool:
        demo.query("UPDATE rolling SET mark_at = NULL, mark_xid = NULL RETURNING true")
        roll_up(PostgresRollups(pool, CATEGORIES, grace_s=0.0))
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(demo.fleet.desk_link())
    page.click("text=Enter")
    page.goto(f"{demo.fleet.desk_url}/console")
    drawn(page, 2)
    (worker,) = page.locator("tbody[data-table=workers] tr").all()
    ((host, pid, version, model),) = demo.query("SELECT host, pid, version, model_version FROM workers")
    assert worker.locator("td").all_inner_texts()[:4] == [f"{host}/{pid}", "working", version, model]
    page.goto(f"{demo.fleet.desk_url}/console/model?days=2")
    drawn(page, 2)
    kinds = demo.query("SELECT kind, count(*) FROM outcomes WHERE kind <> 'failure' GROUP BY 1")
    assert page.inner_text("[data-figure=decided]") == f"{sum(count for _, count in kinds):,}"
    shares = dict(demo.query("SELECT category, count(*) / sum(count(*)) OVER () FROM predictions GROUP BY 1"))
    told = values(page, "mix")[0][1:]
    assert told == [f"{float(shares.get(category, 0)) * 100:.1f}" for category in CATEGORIES]
    event = next(event_id for event_id, (kind, _) in outcomes.items() if kind == "prediction")
    page.goto(f"{demo.fleet.desk_url}/console/search?q={event}")
    assert page.url.endswith(f"/console/events/{event}")
    page.wait_for_function("() => document.querySelector('.still img').naturalWidth > 100")
    ((category, confidence),) = demo.query("SELECT category, confidence FROM predictions WHERE event_id = %s", event)
    assert page.locator(".meters tr").first.inner_text().split() == [category, f"{confidence * 100:.1f}", "%"]
    said = page.inner_text(".moments")
    assert re.search(rf"captured.*accepted.*classified as {category}.*ended: decided by the model", said, re.DOTALL)
    photograph(page, "event-1440")
    page.close()


def test_waste_console_says_where_it_is_and_serves_it(demo):
    port = free_port()
    environment = demo.fleet.environment("review") | {"REVIEW_PORT": str(port), "REVIEW_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    process = subprocess.Popen(
        [sys.executable, "-m", "waste", "console"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        place = re.search(r"http://\S+/console", process.stdout.readline())[0]
        assert place == f"http://127.0.0.1:{port}/console"
        answer = wait_for(lambda: reached(place), 20, "the console")
        assert (answer.status_code, answer.headers["location"]) == (303, "/enter?next=%2Fconsole")
    finally:
        process.terminate()
        process.wait(15)


def reached(place):
    try:
        return httpx2.get(place, follow_redirects=False)
    except httpx2.TransportError:
        return None


@pytest.fixture(scope="module")
def pictures_of_all():
    from producer.render import render

    return [render(CATEGORIES[n % 5], n) for n in range(10)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_page_is_readable_and_fits_its_window(enter, house, scheme, photograph):
    fill(house.sql, events=15_000, recent=3)
    roll_up(house.rollups)
    pages = {
        "fleet": "/console?minutes=1440", "model": "/console/model", "rollout": "/console/models", "sensors": "/console/sensors",
        "promote": "/console/models/promote?version=waste-lite0-0.3.0", "sensor": "/console/sensors/bin-3", "search": "/console/search?category=glass",
    }  # fmt: skip
    charts = {"fleet": 3, "model": 5, "sensor": 2}
    for width, height in ((390, 844), (768, 1024), (1440, 900)):
        page = enter("anna", Role.ADMIN, viewport={"width": width, "height": height}, color_scheme=scheme)
        for name, path in pages.items():
            answer = page.goto(page.base + path)
            drawn(page, charts.get(name, 0))
            assert len(answer.body()) < 100_000
            assert page.evaluate(CONTRAST) == [], (name, width)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
            if (width, scheme) in {(1440, "light"), (390, "dark")}:
                photograph(page, f"{name}-{width}")
        page.close()


def test_a_page_keeps_itself_fresh_tells_when_it_cannot_and_asks_nobody_else(enter, house, served):
    fill(house.sql, events=200, days=1)
    roll_up(house.rollups)
    page = enter("olga", Role.OPS)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.install()
    page.goto(f"{page.base}/console")
    drawn(page, 1)
    before = page.inner_text("[data-figure=waiting]")
    house.event()
    house.room.lately.forget()
    page.clock.run_for(5500)
    page.wait_for_function(f"() => document.querySelector('[data-figure=waiting]').textContent !== '{before}'")
    page.uncheck("#live")
    count = len(asked)
    page.clock.run_for(60_000)
    assert len(asked) == count
    assert {url.split("/")[2] for url in asked} == {page.base.split("/")[2]}
    page.check("#live")
    page.route("**/api/v1/console/fleet*", lambda route: route.fulfill(status=503, body="{}"))
    page.clock.run_for(5500)
    page.wait_for_selector("#away:not([hidden])")
    assert "Not renewed since" in page.inner_text("#away")
    page.unroute("**/api/v1/console/fleet*")
    page.clock.run_for(5500)
    page.wait_for_selector("#away", state="hidden")


def test_the_figure_under_the_cursor_can_be_read_and_without_scripts_tables_say_it(enter, house):
    fill(house.sql)
    roll_up(house.rollups)
    page = enter("olga", Role.OPS)
    page.goto(f"{page.base}/console/model")
    drawn(page, 5)
    plot = page.locator('[data-chart="accuracy"] .u-over')
    reading = page.locator('[data-chart="accuracy"] .reading')
    latest = reading.inner_text()
    assert re.search(r"accuracy \d+\.\d\s%, at least .*, at most .*, labels \d+", latest)
    plot.hover(position={"x": 5, "y": 40})
    assert reading.inner_text() != latest
    assert reading.inner_text().split(":")[0] < latest.split(":")[0]
    plain = enter("olga", Role.OPS, java_script_enabled=False)
    plain.goto(f"{plain.base}/console/model")
    rows = plain.locator('[data-chart="accuracy"] tbody tr')
    assert rows.count() == 14
    assert plain.locator(".canvas").first.is_hidden()


def test_a_model_is_promoted_by_keys_alone(enter, house):
    fill(house.sql, events=100, days=1)
    page = enter("olga", Role.OPS)
    page.goto(f"{page.base}/console/models")
    page.focus("text=Promote… >> nth=0")
    page.keyboard.press("Enter")
    page.wait_for_selector("[name=because]:focus")
    page.keyboard.type("it was right more often")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=status]")
    assert "is the champion" in page.inner_text("[role=status]")
    assert house.sql.execute(
        "SELECT count(*) FROM model_transitions WHERE because = 'it was right more often' AND actor = 'olga'"
    ).fetchone() == (1,)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_weekly_report_is_readable_and_fits_its_window(browser, house, tmp_path, monkeypatch, scheme):
    fill(house.sql)
    roll_up(house.rollups)
    monkeypatch.setenv("DATABASE_URL", house.urls["reader"])
    monkeypatch.setenv("PRICE_WORKER_HOUR", "0.08")
    monkeypatch.setenv("PRICE_REVIEWER_HOUR", "22")
    monkeypatch.setenv("PRICE_CURRENCY", "EUR")
    assert report(["--out", str(tmp_path / "week.html")]) == 0
    for width in (390, 768, 1440):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.goto(f"file://{tmp_path}/week.html")
        assert page.evaluate(CONTRAST) == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if os.environ.get("SCREENSHOTS") and (width, scheme) == (1440, "light"):
            page.screenshot(path=SHOTS / "report-1440.png", full_page=True, clip={"x": 260, "y": 0, "width": 920, "height": 1240})
        page.close()


def test_the_name_of_a_figure_covers_none_below_it_on_a_phone(enter, house):
    fill(house.sql, events=100, days=1)
    page = enter("olga", Role.OPS, viewport={"width": 390, "height": 844})
    page.goto(f"{page.base}/console/models")
    grows = """() => { const cell = document.querySelector(".cards td[data-label]"), height = cell.offsetHeight;
        cell.dataset.label = "Decided, in the last minute"; return cell.offsetHeight - height; }"""
    assert page.evaluate(grows) > 10


def test_what_strangers_write_runs_nowhere_in_the_console(enter, house):
    event = house.event()
    house.worker.record([an_outcome(event)], event.event_id)
    for number, text in enumerate(STRANGE):
        house.sql.execute("INSERT INTO sensors (sensor_id) VALUES (%s)", (text,))
        house.sql.execute(
            "INSERT INTO alerts (kind, subject, evidence) VALUES (%s, %s, jsonb_build_object('fault', %s::text))",
            (f"k{number}", text, text),
        )
        house.sql.execute(
            "INSERT INTO workers (owner, host, pid, version, model_version, model_problem) VALUES (gen_random_uuid(), %s, %s, %s, %s, %s)",
            (text, number, text, text, text),
        )
    house.sql.execute("UPDATE events SET attributes = jsonb_build_object('note', %s::text)", (STRANGE[0],))
    page = enter("anna", Role.ADMIN)
    for path in (
        "/console",
        "/console/models",
        "/console/sensors",
        f"/console/events/{event.event_id}",
        "/console/search?q=<svg/onload=alert(1)>",
    ):
        page.goto(page.base + path)
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= 1440, path
