"""The weekly report says what the ledger says, needs nothing beside itself, and names what it does not know."""

import re
import resource
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.accuracy import StratumCount
from contracts.categories import CATEGORIES
from contracts.errors import RequestRefused
from contracts.estimates import estimate
from dlq_review.report.__main__ import main
from dlq_review.report.week import week_of
from local.database import ensure_logins
from tests.integration.test_console import ACTUAL

WEEK = week_of(datetime.now(UTC).date() - timedelta(days=7))
DAYS = (WEEK.monday, WEEK.sunday)


@pytest.fixture
def report(house, stack, database_url, tmp_path, monkeypatch, capsys):
    """Write a report with the login of a reader, and some settings; return its HTML."""
    url = ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2])["reader"]

    def report(*options, **settings):
        for name, value in ({"DATABASE_URL": url} | settings).items():
            monkeypatch.setenv(name, value)
        assert main([*options, "--out", "-"]) == 0
        return capsys.readouterr().out

    return report


def test_the_figures_of_a_week_equal_sql(filled, report):
    page = report("--week", WEEK.name)
    images, reviews, failures = filled.sql.execute(
        "SELECT count(*) FILTER (WHERE kind <> 'failure'), count(*) FILTER (WHERE kind = 'review'), count(*) FILTER (WHERE kind = 'failure')"
        " FROM outcomes WHERE captured_at::date BETWEEN %s AND %s", DAYS
    ).fetchone()  # fmt: skip
    assert f"<dt>pictures classified</dt><dd>{images:,}</dd>" in page
    assert f"<dt>went to people</dt><dd>{reviews / images * 100:.1f}\u00a0%</dd>" in page
    assert f"{images - reviews:,} were decided by the model, {reviews:,} went to people, {failures:,} failed" in page
    strata = filled.sql.execute(
        f"SELECT o.kind, count(*)::int, sum(confidence)::float8, count({ACTUAL})::int, count(*) FILTER (WHERE {ACTUAL} = category)::int"
        " FROM outcomes o JOIN predictions USING (event_id) WHERE captured_at::date BETWEEN %(monday)s AND %(sunday)s GROUP BY 1 ORDER BY 1",
        {"monday": WEEK.monday, "sunday": WEEK.sunday, "categories": list(CATEGORIES)},
    ).fetchall()
    wanted = estimate([StratumCount("", *row) for row in strata])
    assert f"{wanted.value * 100:.1f}\u00a0% was right, by {wanted.labels:,} labels" in page
    assert f"between {wanted.low * 100:.1f}\u00a0% and {wanted.high * 100:.1f}\u00a0%" in page
    filed, samples = filled.sql.execute(
        "SELECT count(*), count(*) FILTER (WHERE reason = 'audit_sample') FROM review_items WHERE filed_at >= %s AND filed_at < %s",
        (WEEK.since, WEEK.until),
    ).fetchone()  # fmt: skip
    assert 0 < samples < filed
    assert f"{filed:,} pictures came to people, {samples:,} of them samples" in page
    labels, hours, equal, pairs = filled.sql.execute(
        "WITH own AS (SELECT * FROM labels WHERE labelled_at >= %(since)s AND labelled_at < %(until)s) SELECT count(*),"
        " sum(took_ms) / 3.6e6, (SELECT count(*) FROM own a JOIN labels b USING (event_id) WHERE a.account_id < b.account_id AND a.choice = b.choice),"
        " (SELECT count(*) FROM own a JOIN labels b USING (event_id) WHERE a.account_id < b.account_id) FROM own",
        {"since": WEEK.since, "until": WEEK.until},
    ).fetchone()  # fmt: skip
    assert re.search(rf'Labels that stand</th><td class="n">{labels:,}</td><td>of 2 people, in {float(hours):.1f} hours', page)
    assert f"{equal / pairs * 100:.0f}\u00a0%</td><td>on {pairs:,} pairs" in page


def test_a_page_asks_for_nothing_from_outside_and_runs_nothing(filled, report):
    page = report()
    assert not re.search(r"<(script|link|img|iframe|object)|https?://|@import|url\(|\son\w+=", page)
    assert page.count("<svg") == 4
    assert len(page.encode()) < 100_000


def test_cost_is_of_what_has_a_price_and_what_has_none_is_named(filled, report):
    assert "No price is set" in report()
    page = report(PRICE_WORKER_HOUR="0.5", PRICE_SERVICES_HOUR="0.25", PRICE_CURRENCY="CHF")
    ((hours,),) = filled.sql.execute(
        "SELECT sum(worker_s) / 3600 FROM worker_hours WHERE hour >= %s AND hour < %s", (WEEK.since, WEEK.until)
    ).fetchall()
    ((images,),) = filled.sql.execute(
        "SELECT count(*) FROM outcomes WHERE kind <> 'failure' AND captured_at::date BETWEEN %s AND %s", DAYS
    ).fetchall()
    total = hours * 0.5 + 168 * 0.25
    assert f"{total:.0f}&nbsp;CHF in all: {total / images * 1000:.0f}&nbsp;CHF for 1,000 pictures" in page
    assert "not in it: reviewers, looking at pictures." in page


def test_what_changed_is_told_with_who_did_it(filled, report):
    page = report("--week", f"{datetime.now(UTC):%G-W%V}")
    assert "The camera of bin-2 is sick: opened" in page
    assert "registered as waste-lite0-0.3.0; asked for by slow loop" in page
    assert "the week is not over" in page
    page = report("--week", (datetime.now(UTC) - timedelta(days=12)).date().isoformat())
    assert "waste-lite0-0.2.0 from candidate to champion, by olga: labels say that it is better" in page
    assert re.search(
        r"0\.1\.0: [\d.]+ hours of workers, first seen",
        report("--week", (datetime.now(UTC) - timedelta(days=9)).date().isoformat()),
    )


def test_an_empty_ledger_makes_a_page_that_says_so(report):
    page = report()
    assert "Nothing was decided in this week" in page
    assert "Nothing: no model was moved" in page
    assert "nan" not in page.lower()


def test_what_strangers_named_stands_as_text(house, report):
    house.sql.execute(
        "INSERT INTO sensors (sensor_id, last_contact_at) VALUES ('<script>alert(1)</script>', now() - interval '60 days')"
    )
    house.sql.execute("INSERT INTO alerts (kind, subject, fired_at, evidence) VALUES ('<b>', '<i>', %s, '{}')", (WEEK.since,))
    page = report()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;b&gt;" in page


def test_a_week_may_be_named_and_what_is_none_is_refused(capsys, tmp_path):
    with pytest.raises(SystemExit):
        main(["--week", "2026-W54"])
    assert "neither a week as 2026-W09 nor a date" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_whole_leaves_the_one_of_before(filled, report, tmp_path):
    place = tmp_path / "reports" / "week.html"
    place.parent.mkdir()
    place.write_text("the report of before")
    report()
    of_before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, of_before[1]))
    try:
        with pytest.raises(RequestRefused, match="--out cannot be written"):
            main(["--out", str(place)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, of_before)
    assert [one.name for one in place.parent.iterdir()] == ["week.html"]
    assert place.read_text() == "the report of before"
    for nowhere in (place.parent, place.parent / "none" / "x.html", Path("/dev/full")):
        with pytest.raises(RequestRefused, match="--out cannot be written"):
            main(["--out", str(nowhere)])
    link = tmp_path / "latest.html"
    link.symlink_to(place)
    assert main(["--out", str(link)]) == 0
    assert link.is_symlink()
    assert "</html>" in place.read_text()
