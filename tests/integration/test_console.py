"""The console says what the ledger says."""

import re
import statistics
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from contracts.accounts import Role
from contracts.accuracy import StratumCount
from contracts.categories import CATEGORIES
from contracts.estimates import estimate
from contracts.names import OutcomeKind
from dlq_review.web import api_answers
from tests.console_data import fill, roll_up
from tests.desk_house import ago
from tests.makers import a_jpeg, an_outcome

ACTUAL = """coalesce((SELECT min(category) FROM ground_truth g WHERE g.event_id = o.event_id AND match = 'matched' HAVING count(DISTINCT category) = 1),
    (SELECT resolved FROM review_items r WHERE r.event_id = o.event_id AND state = 'labelled' AND resolved = ANY(%(categories)s)
        AND NOT EXISTS (SELECT FROM ground_truth g WHERE g.event_id = o.event_id AND match = 'matched')))"""
STRATA = f"""SELECT o.kind, count(*)::int, sum(confidence)::float8, count({ACTUAL})::int, count(*) FILTER (WHERE {ACTUAL} = category)::int
    FROM outcomes o JOIN predictions USING (event_id) WHERE captured_at::date BETWEEN %(day)s - 6 AND %(day)s GROUP BY 1"""


def column(chart, name):
    (found,) = [one["values"] for one in chart["series"] if one["name"] == name]
    return dict(zip(chart["x"], found, strict=True))


def test_charts_of_the_model_equal_sql_over_the_ledger(filled, olga):
    told = olga.get("/api/v1/console/model?days=30").json()
    shares = dict(
        filled.sql.execute(
            "SELECT (captured_at::date, category)::text, (count(*) / sum(count(*)) OVER (PARTITION BY captured_at::date))::float8"
            " FROM predictions JOIN outcomes USING (event_id) GROUP BY captured_at::date, category"
        ).fetchall()
    )
    mix = told["charts"]["mix"]
    assert len(mix["x"]) == 30
    for category in CATEGORIES:
        for at, share in column(mix, category).items():
            assert share == pytest.approx(shares.get(f"({day(at)},{category})", 0.0), rel=1e-4), (at, category)
    unsure = dict(
        filled.sql.execute(
            "SELECT captured_at::date, (count(*) FILTER (WHERE reason = 'low_confidence') / count(*)::float8) FROM outcomes"
            " WHERE kind <> 'failure' GROUP BY 1"
        ).fetchall()
    )
    outliers = dict(
        filled.sql.execute(
            "SELECT captured_at::date, (count(*) FILTER (WHERE reason = 'out_of_distribution') / count(*)::float8) FROM outcomes"
            " WHERE kind <> 'failure' GROUP BY 1"
        ).fetchall()
    )
    for name, found in (("low confidence", unsure), ("none of the five", outliers)):
        for at, share in column(told["charts"]["unsure"], name).items():
            assert share == pytest.approx(found[day(at)], rel=1e-4, abs=1e-9), (name, at)
    bins = filled.sql.execute(
        "SELECT category, least(floor(confidence::float8 * 20), 19)::int, count(*) / sum(count(*)) OVER (PARTITION BY category)::float8"
        " FROM predictions JOIN outcomes USING (event_id) WHERE captured_at::date > %s GROUP BY 1, 2",
        (datetime.now(UTC).date() - timedelta(days=30),),
    ).fetchall()
    for category, place, share in bins:
        (found,) = [one["values"][place] for one in told["charts"]["confidence"]["series"] if one["name"] == category]
        assert found == pytest.approx(float(share), rel=1e-4)


def test_the_rolling_accuracy_equals_the_estimate_from_the_labels_themselves(filled, olga):
    chart = olga.get("/api/v1/console/model?days=30").json()["charts"]["accuracy"]
    assert chart["limit"] == {"at": 0.85, "name": "85\u00a0% wanted"}
    for at in chart["x"][::7]:
        rows = filled.sql.execute(STRATA, {"day": day(at), "categories": list(CATEGORIES)}).fetchall()
        wanted = estimate([StratumCount("", *row) for row in rows])
        assert column(chart, "labels")[at] == wanted.labels > 20
        for name, value in (("accuracy", wanted.value), ("at least", wanted.low), ("at most", wanted.high)):
            assert column(chart, name)[at] == pytest.approx(value, rel=1e-4), name


def test_figures_of_the_fleet_equal_sql(house, olga):
    fill(house.sql, events=3000, days=2)
    roll_up(house.rollups)
    told = olga.get("/api/v1/console/fleet?minutes=1440").json()
    part = f"extract(epoch FROM date_bin('5 min', decided_at, to_timestamp({told['charts']['rates']['x'][0]})))::float8"
    decided = dict(house.sql.execute(f"SELECT {part}, count(*) / 5.0::float8 FROM outcomes GROUP BY 1").fetchall())
    assert told["charts"]["rates"]["unit"] == "/min"
    found = column(told["charts"]["rates"], "decided")
    assert len(found) == 288
    for at, value in found.items():
        assert value == pytest.approx(decided.get(at, 0), rel=1e-4)
    waits = {}
    for at, seconds in house.sql.execute(f"SELECT {part}, extract(epoch FROM decided_at - captured_at)::float8 FROM outcomes"):
        waits.setdefault(at, []).append(seconds)
    for at, value in column(told["charts"]["latency"], "half under").items():
        if at in waits:
            low, high = statistics.median_low(waits[at]), statistics.median_high(waits[at])
            assert low / 1.45 <= value <= high * 1.45  # bins are 1.41 wide
    ((waiting,),) = house.sql.execute("SELECT count(*) FROM review_items WHERE state = 'open'").fetchall()
    assert told["figures"]["to_review"] == f"{waiting:,}"
    assert told["tables"]["workers"][0][:4] == ["plant-a/311", "working", "0.1.0", "waste-lite0-0.2.0"]


def test_what_was_decided_minutes_ago_is_in_the_charts_of_all_spans(house, olga):
    fill(house.sql, events=3000, days=1, recent=3)
    roll_up(house.rollups)
    for minutes in (60, 1440, 4320):
        told = olga.get(f"/api/v1/console/fleet?minutes={minutes}").json()["charts"]
        ends = told["rates"]["x"][-1] + told["rates"]["x"][1] - told["rates"]["x"][0]
        ((through,),) = house.sql.execute("SELECT extract(epoch FROM seen_through)::float8 FROM rolling").fetchall()
        assert 0 <= through - ends < 60 or through < ends, minutes
        assert any(told["latency"]["series"][0]["values"]), minutes


def day(at):
    return datetime.fromtimestamp(at, UTC).date()


def test_sensors_are_told_with_their_health_their_gaps_and_their_week(filled, olga):
    page = olga.get("/console/sensors").text
    ((decided, reviews),) = filled.sql.execute(
        "SELECT count(*) FILTER (WHERE kind <> 'failure'), count(*) FILTER (WHERE kind = 'review') FROM outcomes"
        " WHERE sensor_id = 'bin-3' AND captured_at::date > %s", (datetime.now(UTC).date() - timedelta(days=7),)
    ).fetchall()  # fmt: skip
    row = re.search(r"<tr><td data-label=\"Sensor\"><a href=\"/console/sensors/bin-3\".*?</tr>", page, re.DOTALL)[0]
    assert f'data-label="Missing">4</td><td class="n" data-label="Decided, 7 days">{decided:,}<' in row
    assert f"{reviews / decided * 100:.1f}\u00a0%" in row
    for trouble, names in (("silent", {"bin-4", "bin-new"}), ("gaps", {"bin-3"}), ("ticket", {"bin-2"}), ("quiet", set())):
        shown = set(re.findall(r'href="/console/sensors/(bin-[\w]+)"', olga.get(f"/console/sensors?trouble={trouble}").text))
        assert shown == names, trouble
    assert set(re.findall(r'href="/console/sensors/(bin-[\w]+)"', olga.get("/console/sensors?text=site-9").text)) == {"bin-new"}
    one = olga.get("/console/sensors/bin-3").text
    assert "7–9, 20" in one
    assert olga.get("/console/sensors/bin-404").status_code == 404
    assert olga.get("/api/v1/console/sensors/bin-404").status_code == 404
    told = olga.get("/api/v1/console/sensors/bin-3").json()
    volume, figures = told["charts"]["volume"], told["figures"]
    ((heard, last),) = filled.sql.execute("SELECT last_contact_at, last_sequence FROM sensors WHERE sensor_id = 'bin-3'").fetchall()
    assert (figures["lost"], figures["last_sequence"], figures["ticket"]) == ("4", f"{last:,}", "")
    assert datetime.fromisoformat(figures["last_contact"]) == heard
    ((total,),) = filled.sql.execute(
        "SELECT count(*) FROM outcomes WHERE sensor_id = 'bin-3' AND kind <> 'failure' AND captured_at::date > %s",
        (datetime.now(UTC).date() - timedelta(days=30),),
    ).fetchall()
    assert sum(column(volume, "decided").values()) == total


def listed(olga, wish=""):
    """Return the sensors of all pages of a list, in their order."""
    seen, query = [], f"?{wish}"
    while query is not None:
        page = olga.get(f"/console/sensors{query}").text
        assert len(page.encode()) < 100_000
        seen += re.findall(r'href="/console/sensors/(sensor-\d+)"', page)
        found = re.search(r'href="/console/sensors(\?[^"]*after=[^"]*)"', page)
        query = found[1].replace("&amp;", "&") if found else None
    return seen


def test_thousands_of_sensors_are_paged_heard_of_or_only_registered_and_none_is_left_out(house, olga):
    house.sql.execute(
        "INSERT INTO sensors (sensor_id) SELECT 'sensor-' || lpad(n::text, 4, '0') FROM generate_series(1, 1203) n WHERE n % 3 > 0 OR n < 200"
    )
    house.sql.execute(
        "INSERT INTO devices (sensor_id, site, generation) SELECT 'sensor-' || lpad(n::text, 4, '0'), 'site-' || n % 7, 1"
        " FROM generate_series(1, 1203) n WHERE n % 3 = 0 OR n % 2 = 0 OR n > 1100"
    )
    every = range(1, 1204)
    registered = [n for n in every if n % 3 == 0 or n % 2 == 0 or n > 1100]
    assert listed(olga) == [f"sensor-{n:04}" for n in every]
    assert listed(olga, "text=site-3") == [f"sensor-{n:04}" for n in registered if n % 7 == 3]
    assert listed(olga, "text=sensor-1") == [f"sensor-{n:04}" for n in every if n >= 1000]


def test_a_thousand_models_are_paged(house, olga):
    house.sql.execute(
        "INSERT INTO models (version, sha256, size_bytes, object_key, facts, added_by) SELECT 'm' || n, lpad(to_hex(n), 64, '0'), 1, 'k', '{}', 'x'"
        " FROM generate_series(1, 1000) n"
    )
    pages = [olga.get(f"/console/models?page={number}").text for number in (1, 2, 34)]
    assert all(len(page.encode()) < 100_000 for page in pages)
    assert "page 2 of 34" in pages[1]
    assert "There is no such page" in olga.get("/console/models?page=99").text


def test_an_event_is_told_whole_with_its_picture_and_its_scores(house, olga):
    event = house.event(image_url=house.picture("bin-7/told.jpg", a_jpeg()))
    house.worker.record([an_outcome(event)], uuid4())
    page = olga.get(f"/console/events/{event.event_id}").text
    for words in ("captured", "accepted", "classified as plastic", "ended: decided by the model", "90.0\u00a0%"):
        assert words in page
    picture = olga.get(f"/console/events/{event.event_id}/picture/large")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
    told = olga.get(f"/api/v1/console/events/{event.event_id}").json()
    assert [one["what"] for one in told["moments"]] == [
        "captured",
        "accepted",
        "classified as plastic",
        "ended: decided by the model",
    ]
    api_answers.Story.model_validate(told)
    for path in ("/console/events/", "/api/v1/console/events/"):
        assert olga.get(f"{path}{uuid4()}").status_code == 404
        assert olga.get(f"{path}nonsense").status_code == 422
    found = olga.get(f"/console/search?q={event.event_id}", follow_redirects=False)
    assert found.headers["location"] == f"/console/events/{event.event_id}"


def test_what_is_no_picture_is_not_asked_for(house, olga):
    shown = {}
    for reason in ("image_unreadable", "model_error"):
        event = house.event(image_url=house.picture(f"bin-7/{reason}.jpg"))
        house.worker.record([an_outcome(event, OutcomeKind.FAILURE, reason)], uuid4())
        shown[reason] = f"/console/events/{event.event_id}/picture/large" in olga.get(f"/console/events/{event.event_id}").text
    assert shown == {"image_unreadable": False, "model_error": True}


def test_an_event_leads_to_its_lines_and_its_trace(house):
    event = house.event()
    house.room = replace(house.room, logs_url="https://logs.example/?q={event_id}", traces_url="https://traces.example/{trace_id}")
    page = house.client("olga", Role.OPS).get(f"/console/events/{event.event_id}").text
    assert f'href="https://logs.example/?q={event.event_id}"' in page
    assert f'href="https://traces.example/{event.event_id.hex}"' in page
    found = house.client("olga", Role.OPS).get(f"/console/search?q={event.event_id.hex}", follow_redirects=False)
    assert found.headers["location"] == f"/console/events/{event.event_id}"


def test_search_finds_events_by_what_became_of_them(filled, olga):
    newest = filled.sql.execute(
        "SELECT event_id FROM predictions WHERE category = 'glass' AND predicted_at > now() - interval '1 day' ORDER BY predicted_at DESC LIMIT 50"
    ).fetchall()
    assert ids(olga.get("/console/search?category=glass")) == [one for (one,) in newest]
    of_sensor = filled.sql.execute(
        "SELECT o.event_id FROM outcomes o JOIN events USING (event_id) WHERE events.sensor_id = 'bin-5' AND kind = 'review' ORDER BY events.captured_at DESC LIMIT 50"
    ).fetchall()
    assert ids(olga.get("/console/search?sensor=bin-5&kind=review")) == [one for (one,) in of_sensor]
    failed = filled.sql.execute(
        "SELECT event_id FROM outcomes WHERE kind = 'failure' AND decided_at > now() - interval '1 day' ORDER BY decided_at DESC"
    ).fetchall()
    assert ids(olga.get("/console/search?kind=failure")) == [one for (one,) in failed]
    page = olga.get("/console/search?q=waste-lite").text
    assert "waste-lite0-0.3.0" in page
    assert "No sensor or site begins with" in page


def ids(answer):
    from uuid import UUID

    assert answer.status_code == 200
    return [UUID(one) for one in re.findall(r'href="/console/events/([0-9a-f-]{36})"', answer.text)]


def test_days_and_hours_are_those_of_utc(filled, olga):
    chart = olga.get("/api/v1/console/model?days=7").json()["charts"]
    assert day(chart["mix"]["x"][-1]) == date.today() or ago(hours=24).date() <= day(chart["mix"]["x"][-1])  # noqa: DTZ011
    assert len(chart["unsure"]["x"]) == 168
    assert chart["mix"]["days"]
    assert not chart["unsure"]["days"]
