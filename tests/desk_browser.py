"""What a person sees at the desk, and what came of it."""


def ready(page):
    page.wait_for_function(
        "() => document.querySelector('#picture img')?.complete && document.querySelector('#work') && !document.querySelector('#work').hidden"
    )
    page.wait_for_timeout(150)


def labels(house):
    return dict(house.sql.execute("SELECT event_id, choice FROM standing_labels").fetchall())


def shown(page):
    return page.locator("#picture img").get_attribute("data-event")
