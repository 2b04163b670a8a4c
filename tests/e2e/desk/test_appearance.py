"""Each page is readable, runs nothing of strangers', and says what would be here."""

import os
import re
from datetime import timedelta
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from contracts.accounts import Role
from contracts.categories import CATEGORIES
from contracts.labels import Choice, NewLabel, Origin
from tests.conftest import REPOSITORY
from tests.desk_house import scores_of
from tests.makers import an_event

SHOTS = REPOSITORY / "docs" / "screenshots"
STRANGE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<svg/onload=alert(1)>",
    "\u202egnp.exe",
    "A" * 10_240,
    "'-alert(1)-'",
    "${alert(1)}",
]
CONTRAST = """() => {
    const channel = (value) => { value /= 255; return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4; };
    const parse = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const ground = (element) => { for (let one = element; one; one = one.parentElement) { const colour = parse(getComputedStyle(one).backgroundColor); if (colour.length < 4 || colour[3] > 0) return colour; } return [255, 255, 255]; };
    const poor = [];
    for (const element of document.querySelectorAll('body *')) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!own || !element.checkVisibility() || element.closest('.hidden, .skip-link, svg, :disabled')) continue;
        const style = getComputedStyle(element), a = light(parse(style.color)), b = light(ground(element));
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) poor.push(`${element.tagName} ${element.className} ${ratio.toFixed(2)} ${element.textContent.slice(0, 30)}`);
    }
    return poor;
}"""


def test_what_strangers_write_runs_nowhere(enter, house):
    for text in STRANGE:
        letter = house.letter(sensor_id=text, image_url=f"s3://waste-images/{text}", model_version=text)
        failed = house.letter(
            an_event(), sensor_id=text, reason=text[:100], detail=text, kind="failure", category=None, scores=None
        )
        house.desk.letters.file([letter, failed])
    page = enter("anna", Role.ADMIN)
    for path in (
        "/review",
        "/review/grid",
        "/items?state=any",
        "/items?lane=failures",
        "/failures",
        f"/items/{letter.event_id}",
        f"/items/{failed.event_id}",
    ):
        page.goto(page.base + path)
        page.wait_for_timeout(200)
    page.goto(f"{page.base}/review")
    for _ in STRANGE:
        page.wait_for_selector(".gone")
        page.keyboard.press("8")
        page.wait_for_timeout(100)


def _a_full_desk(house, pictures):
    for number, category in enumerate(CATEGORIES * 5):
        pictures(1, sensor_id=f"bin-{number % 7}")
        house.sql.execute(
            "UPDATE review_items SET category = %s, scores = %s, confidence = 0.6 WHERE confidence = 0.5",
            (category, Jsonb(scores_of(category, 0.6))),
        )
    for reason in ("image_missing", "image_missing", "poison", "image_unreadable"):
        house.fail(reason)
    house.refused(reason="signature_invalid")
    ids = pictures(2, sensor_id="bin-0")
    urls = [url for (url,) in house.sql.execute("SELECT DISTINCT image_url FROM review_items ORDER BY 1")]
    (at,) = house.sql.execute("SELECT captured_at FROM review_items WHERE event_id = %s", (ids[0],)).fetchone()
    for place, minutes in enumerate((-41, -17, -4, 9, 22, 38)):
        house.event(sensor_id="bin-0", captured_at=at + timedelta(minutes=minutes), image_url=urls[place])
    for name in ("rita", "anna"):
        found = house.desk.accounts.find(name)
        account = found[0] if found else house.account(name, Role.ADMIN if name == "anna" else Role.REVIEWER)
        for event_id in ids:
            house.desk.labels.add([NewLabel(uuid4(), event_id, account.account_id, Choice.GLASS, Origin.DESK, took_ms=1800)])
    return ids


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_page_is_readable_fits_its_window_and_is_photographed(enter, house, pictures, scheme):
    ids = _a_full_desk(house, pictures)
    pages = {
        "review": "/review", "grid": "/review/grid", "failures": "/failures", "search": "/items?state=any", "item": f"/items/{ids[0]}",
        "history": "/history", "account": "/account", "backlog": "/backlog", "quality": "/quality", "people": "/people",
    }  # fmt: skip
    for width, height in ((390, 844), (768, 1024), (1440, 900)):
        page = enter("anna", Role.ADMIN, viewport={"width": width, "height": height}, color_scheme=scheme)
        for name, path in pages.items():
            answer = page.goto(page.base + path)
            page.wait_for_timeout(250)
            assert len(answer.body()) < 100_000
            assert page.evaluate(CONTRAST) == [], (name, width)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
            if os.environ.get("SCREENSHOTS") and (width, scheme) in {(1440, "light"), (390, "dark")}:
                SHOTS.mkdir(exist_ok=True)
                page.screenshot(path=SHOTS / f"{name}-{width}.png")
        page.close()


def test_an_empty_desk_says_what_would_be_here(enter):
    page = enter("anna", Role.ADMIN)
    for path, words in (
        ("/review", "Nothing waits"),
        ("/review/grid", "Nothing waits"),
        ("/failures", "Nothing here"),
        ("/items", "Nothing matches"),
        ("/history", "not answered anything"),
        ("/quality", "No labels"),
        ("/backlog", "No decisions"),
    ):
        page.goto(page.base + path)
        assert re.search(words, page.inner_text("main")), path
