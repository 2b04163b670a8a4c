"""On a phone nothing lies beyond the edge of the screen: rows are cards, and the menu shows all its entries."""

import pytest

from contracts.accounts import Role
from contracts.labels import Choice

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
HIDDEN_CELLS = """() => [...document.querySelectorAll('.cards td')].filter((cell) => {
    const box = cell.getBoundingClientRect();
    return cell.scrollWidth > cell.clientWidth + 1 || box.left < 0 || box.right > innerWidth;
}).map((cell) => cell.textContent.trim())"""
UNNAMED_CELLS = """() => [...document.querySelectorAll('.cards:has(thead) tbody td')].filter((cell) => cell.checkVisibility())
    .filter((cell) => getComputedStyle(cell, '::before').content.length < 4).map((cell) => cell.textContent.trim())"""


@pytest.mark.parametrize("path", ["/history", "/items?state=any", "/items?lane=failures", "/failures", "/people", "/quality"])
def test_each_row_of_a_table_is_a_card_on_a_phone(enter, house, pictures, path):
    ids = pictures(3)
    house.account("anna", Role.ADMIN)
    for name in ("anna", "rita"):
        house.says(name, ids[0], Choice.GLASS, took_ms=1200)
    house.fail()
    page = enter("anna", Role.ADMIN, **PHONE)
    page.goto(page.base + path)
    assert page.locator(".cards tbody tr").count()
    assert page.evaluate("[...document.querySelectorAll('.cards thead')].some((one) => one.checkVisibility())") is False
    assert page.evaluate(UNNAMED_CELLS) == []
    assert page.evaluate(HIDDEN_CELLS) == []
    first = page.locator(".cards tbody tr").first.bounding_box()
    assert first["width"] > 300
    assert page.locator("table:not(.cards)").count() == 0


def test_all_entries_of_the_menu_are_on_the_screen_of_a_phone(enter):
    page = enter("anna", Role.ADMIN, **PHONE)
    page.goto(f"{page.base}/backlog")
    page.tap("text=Menu")
    entries = page.locator(".bar nav a:visible")
    assert [one.inner_text() for one in entries.all()] == [
        "Review", "Grid", "Failures", "Search", "My answers", "Backlog", "Quality", "Console", "People",
    ]  # fmt: skip
    for entry in entries.all():
        box = entry.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert box["height"] >= 44
    page.tap(".bar nav a:visible >> text=People")
    page.wait_for_url("**/people")
