"""The console moves models with a reason and after a second look, for those alone who may."""

import re

import pytest

from contracts.accounts import Role


def test_a_model_is_promoted_and_rolled_back_with_a_reason_and_after_a_second_look(filled, olga):
    confirm = olga.get("/console/models/promote?version=waste-lite0-0.3.0").text
    assert "Promote waste-lite0-0.3.0?" in confirm
    assert state(filled, "waste-lite0-0.3.0") == "candidate"
    form = {"version": "waste-lite0-0.3.0", "champion": "waste-lite0-0.2.0", "because": " "}
    refused = olga.post("/console/models/promote", data=form | csrf(olga))
    assert (refused.status_code, "Reason is empty" in refused.text) == (422, True)
    done = olga.post("/console/models/promote", data=form | csrf(olga) | {"because": "labels say so"})
    assert "waste-lite0-0.3.0 decides now" in done.text
    assert (state(filled, "waste-lite0-0.3.0"), state(filled, "waste-lite0-0.2.0")) == ("champion", "retired")
    late = olga.post(
        "/console/models/promote", data=form | csrf(olga) | {"version": "waste-lite0-0.1.0", "because": "I saw another page"}
    )
    assert (late.status_code, "The champion is waste-lite0-0.3.0 by now" in late.text) == (422, True)
    assert "waste-lite0-0.2.0" in re.search(r"Comes back</dt><dd>(.*?)</dd>", olga.get("/console/models/rollback").text)[1]
    back = olga.post("/console/models/rollback", data={"champion": "waste-lite0-0.3.0", "because": "it was worse"} | csrf(olga))
    assert "waste-lite0-0.2.0 decides" in back.text
    assert state(filled, "waste-lite0-0.2.0") == "champion"
    acts = filled.sql.execute("SELECT actor, action, target, detail->>'because' FROM actions ORDER BY action_id").fetchall()
    assert acts == [
        ("olga", "promote model", "waste-lite0-0.3.0", "labels say so"),
        ("olga", "roll back model", "waste-lite0-0.3.0", "it was worse"),
    ]
    moves = filled.sql.execute(
        "SELECT actor, because FROM model_transitions WHERE version = 'waste-lite0-0.3.0' ORDER BY transition_id"
    )
    assert moves.fetchall() == [("olga", "labels say so"), ("olga", "it was worse")]


def csrf(client):
    return {"csrf": client.headers["x-csrf-token"]}


def state(house, version):
    ((found,),) = house.sql.execute("SELECT state FROM models WHERE version = %s", (version,)).fetchall()
    return found


@pytest.mark.parametrize("role", [None, Role.REVIEWER])
def test_who_is_not_of_ops_sees_nothing_of_the_console_and_moves_nothing(filled, role):
    client = filled.client("rita", role) if role else filled.client()
    (event,) = filled.sql.execute("SELECT event_id FROM predictions LIMIT 1").fetchone()
    for path in (
        "/api/v1/console/fleet", "/api/v1/console/model", "/api/v1/console/sensors/bin-1", f"/api/v1/console/events/{event}", "/console/models",
        "/console/models/promote?version=waste-lite0-0.3.0", "/console/sensors/bin-1", f"/console/events/{event}", f"/console/events/{event}/picture/large",
    ):  # fmt: skip
        answer = client.get(path, follow_redirects=False)
        assert answer.status_code == (403 if role else 401 if path.startswith("/api") else 303), path
        assert "waste-lite" not in answer.text
    form = {"version": "waste-lite0-0.3.0", "champion": "waste-lite0-0.2.0", "because": "I can"}
    assert client.post("/console/models/promote", data=form | (csrf(client) if role else {})).status_code == (403 if role else 401)
    assert state(filled, "waste-lite0-0.3.0") == "candidate"


def test_a_form_that_comes_from_elsewhere_moves_nothing(filled, olga):
    form = {"version": "waste-lite0-0.3.0", "champion": "waste-lite0-0.2.0", "because": "a link told me to"}
    token = olga.headers.pop("x-csrf-token")
    assert olga.post("/console/models/promote", data=form).status_code == 403
    assert olga.post("/console/models/promote", data=form | {"csrf": "wrong"}).status_code == 403
    there = {"origin": "https://elsewhere.example"}
    assert olga.post("/console/models/promote", data=form | {"csrf": token}, headers=there).status_code == 403
    assert olga.get("/console/models/promote", params=form).status_code == 200
    assert state(filled, "waste-lite0-0.3.0") == "candidate"


def test_what_a_model_cannot_become_is_said_in_a_sentence(filled, olga):
    page = olga.get("/console/models/promote?version=waste-lite0-0.2.0")
    assert (
        page.status_code,
        "waste-lite0-0.2.0 is champion, from where it does not become champion. Nothing was changed." in page.text,
    ) == (422, True)
    page = olga.get("/console/models/promote?version=nonsense")
    assert (page.status_code, "nonsense is not in the registry. Nothing was changed." in page.text) == (422, True)
    olga.post("/console/models/rollback", data={"champion": "waste-lite0-0.2.0", "because": "one"} | csrf(olga))
    olga.post("/console/models/rollback", data={"champion": "waste-lite0-0.1.0", "because": "two"} | csrf(olga))
    page = olga.get("/console/models/rollback")
    assert (page.status_code, "The registry has no champion: workers use their own model already." in page.text) == (422, True)
    assert olga.get("/console/models/nonsense").status_code == 404
