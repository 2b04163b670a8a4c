"""The console says in words what is not there, what cannot be meant and what is away, and shows strangers' text as text."""

import json
from dataclasses import replace

import pytest

from contracts.accounts import Role
from contracts.errors import QueueUnavailable
from dlq_review.web import api_answers


def test_an_empty_fleet_says_what_would_be_here(olga):
    for path, words in (
        ("/console", "No worker has ever said"),
        ("/console/model", "No label has found its event yet"),
        ("/console/models", "No model is registered"),
        ("/console/sensors", "No sensor yet"),
        ("/console/search?category=glass", "No event matches"),
    ):
        page = olga.get(path)
        assert page.status_code == 200, path
        assert words in page.text, path
    for path in ("/api/v1/console/fleet", "/api/v1/console/model"):
        told = olga.get(path).json()
        api_answers.ConsoleFigures.model_validate(told)
        assert json.dumps(told, allow_nan=False)


@pytest.mark.parametrize(
    "path",
    [
        "/console?minutes=61", "/console/model?days=0", "/api/v1/console/fleet?minutes=5", "/api/v1/console/model?days=x", "/console/sensors?trouble=x",
        "/console/search?kind=x", "/console/search?until=never", "/console/models?page=x", "/console/sensors?text=" + "a" * 201,
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_said(olga, path):
    assert olga.get(path).status_code == 422


ODD = [
    "/console/search?until=0001-01-01T00:00", "/console/search?until=9999-12-31T23:59", "/console/search?q=%00", "/console/search?q=%ff%fe",
    "/console/search?model=%00", "/console/search?sensor=%ed%a0%80", "/console/sensors/%00", "/console/sensors/%ff", "/console/sensors?after=%00",
    "/console/sensors?text=%25%27%22%5C", "/console/models?page=-1", "/console/models?page=99999999999999999999999", "/console/models/promote?version=%00",
    "/console/events/00000000-0000-0000-0000-000000000000", "/console/events/ffffffff-ffff-ffff-ffff-ffffffffffff/picture/huge",
    "/api/v1/console/sensors/%00", "/api/v1/console/sensors/" + "x" * 5000, "/console?minutes=" + "9" * 5000, "/console/model?days=%E0%A5%A7",
]  # fmt: skip


def test_nothing_that_can_be_asked_is_unforeseen(filled, olga):
    for path in ODD:
        assert olga.get(path, follow_redirects=False).status_code in {200, 303, 400, 404, 422}, path


def test_what_strangers_write_is_shown_as_text(house, olga):
    from psycopg.types.json import Jsonb

    strange = "<script>alert(1)</script>"
    house.sql.execute("INSERT INTO sensors (sensor_id, report) VALUES (%s, %s)", (strange, Jsonb({strange: strange})))
    house.sql.execute(
        "INSERT INTO alerts (kind, subject, evidence) VALUES ('sensor_faulty', %s, %s)", (strange, Jsonb({"fault": strange}))
    )
    house.sql.execute(
        "INSERT INTO workers (owner, host, pid, version, model_version, model_problem) VALUES (gen_random_uuid(), %s, 1, %s, %s, %s)",
        (strange,) * 4,
    )
    for path in (
        "/console",
        "/console/models",
        "/console/sensors",
        "/console/sensors/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        f"/console/search?q={strange}",
    ):
        page = olga.get(path)
        assert strange not in page.text, path
        if "%2F" not in path:
            assert "&lt;script&gt;" in page.text, path


def test_while_postgres_is_away_the_console_says_so(house, olga):
    house.pools["review"].close()
    page = olga.get("/console")
    assert (page.status_code, "cannot be reached" in page.text) == (503, True)
    answer = olga.get("/api/v1/console/fleet")
    assert (answer.status_code, "cannot be reached" in answer.json()["error"]) == (503, True)


def test_a_drain_that_stands_still_is_told(house, olga):
    house.sql.execute("UPDATE rolling SET seen_through = now() - interval '80 s'")  # the copied database may be older
    assert "Nothing is counted since" not in olga.get("/console").text + olga.get("/console/model").text
    house.sql.execute("UPDATE rolling SET seen_through = now() - interval '3 h'")
    house.room.lately.forget()
    assert "3\u00a0h ago: does the drain run" in olga.get("/console").text
    assert "3\u00a0h ago: does the drain run" in olga.get("/console/model").text


def test_while_the_edge_queue_is_away_the_rest_is_told(house):
    class Away:
        def depth(self):
            raise QueueUnavailable("connection refused")

    house.desk = replace(house.desk, edge_queue=Away())
    told = house.client("olga", Role.OPS).get("/api/v1/console/fleet").json()["figures"]
    assert (told["edge"], told["waiting"]) == ("–", "0")


def test_what_draws_is_sent_once_and_then_only_if_it_has_changed(olga):
    first = olga.get("/static/uplot/uPlot.iife.min.js")
    assert (first.status_code, first.headers["cache-control"]) == (200, "no-cache")
    assert first.headers["content-security-policy"]
    again = olga.get("/static/uplot/uPlot.iife.min.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
