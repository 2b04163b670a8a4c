"""The console moves models with a reason and after a second look, for those alone who may."""

import re
import threading
from dataclasses import replace

import psycopg
import pytest

from contracts.accounts import Role
from contracts.errors import LedgerUnavailable
from contracts.models import ModelState
from contracts.moves import Moves
from tests.conftest import wait_for


def test_a_model_is_promoted_and_rolled_back_with_a_reason_and_after_a_second_look(filled, olga):
    confirm = olga.get("/console/models/promote?version=waste-lite0-0.3.0").text
    assert "Promote waste-lite0-0.3.0?" in confirm
    assert state(filled, "waste-lite0-0.3.0") == "candidate"
    form = {"version": "waste-lite0-0.3.0", "champion": "waste-lite0-0.2.0", "because": " "}
    refused = olga.post("/console/models/promote", data=form | csrf(olga))
    assert (refused.status_code, "Reason is empty" in refused.text) == (422, True)
    done = olga.post("/console/models/promote", data=form | csrf(olga) | {"because": "labels say so"})
    assert "waste-lite0-0.3.0 is the champion" in done.text
    assert (state(filled, "waste-lite0-0.3.0"), state(filled, "waste-lite0-0.2.0")) == ("champion", "retired")
    late = olga.post(
        "/console/models/promote", data=form | csrf(olga) | {"version": "waste-lite0-0.1.0", "because": "I saw another page"}
    )
    assert (late.status_code, "The champion is waste-lite0-0.3.0 by now" in late.text) == (422, True)
    look = olga.get("/console/models/rollback").text
    assert "has decided nothing in thirty days" in re.search(r"It goes</dt><dd>(.*?)</dd>", look)[1]
    ((count,),) = filled.sql.execute(
        "SELECT count(*) FROM predictions JOIN outcomes USING (event_id) WHERE model_version = 'waste-lite0-0.2.0' AND captured_at::date > current_date - 30"
    ).fetchall()
    assert f"waste-lite0-0.2.0; {count:,} decisions in thirty days" in re.search(r"Comes back</dt><dd>(.*?)</dd>", look)[1]
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


class Overtaken:
    """A registry in which somebody else acts just after the champion was looked at."""

    def __init__(self, registry, act):
        self._registry, self._act, self._acted = registry, act, False

    def __getattr__(self, name):
        return getattr(self._registry, name)

    def plan(self):
        found = self._registry.plan()
        if not self._acted:
            self._acted = True
            self._act(Moves(self._registry, "slow loop"))
        return found


def overtaken(house, act):
    house.room = replace(house.room, registry=Overtaken(house.room.registry, act))
    return house.client("olga", Role.OPS)


def test_who_is_overtaken_after_the_last_look_replaces_no_other_champion(filled):
    olga = overtaken(filled, lambda moves: moves.move("waste-lite0-0.3.0", ModelState.CHAMPION, "it did better"))
    form = {"version": "waste-lite0-0.1.0", "champion": "waste-lite0-0.2.0", "because": "I saw 0.2.0"}
    page = olga.post("/console/models/promote", data=form | csrf(olga))
    assert (page.status_code, "moved by somebody else meanwhile" in page.text) == (422, True)
    assert "Nothing was changed" in page.text
    assert (state(filled, "waste-lite0-0.3.0"), state(filled, "waste-lite0-0.1.0")) == ("champion", "retired")
    assert filled.sql.execute("SELECT count(*) FROM actions").fetchone() == (0,)
    assert filled.sql.execute(
        "SELECT count(*) FROM model_transitions WHERE actor = 'olga' AND because = 'I saw 0.2.0'"
    ).fetchone() == (0,)


def test_who_is_overtaken_by_a_roll_back_does_not_roll_back_once_more(filled):
    olga = overtaken(filled, lambda moves: moves.roll_back("accuracy fell"))
    page = olga.post("/console/models/rollback", data={"champion": "waste-lite0-0.2.0", "because": "it is worse"} | csrf(olga))
    assert (page.status_code, "0.2.0 is not the champion: nothing is taken back" in page.text) == (422, True)
    assert (state(filled, "waste-lite0-0.1.0"), state(filled, "waste-lite0-0.2.0")) == ("champion", "retired")


def test_of_two_who_promote_at_once_one_is_told_that_the_other_was_first(filled, database_url):
    answers = {}
    clients = {name: filled.client(name, Role.OPS) for name in ("olga", "otto")}

    def promote(name, version):
        form = {"version": f"waste-lite0-{version}", "champion": "waste-lite0-0.2.0", "because": "better"}
        answers[name] = (
            clients[name].post("/console/models/promote", data=form | csrf(clients[name]), follow_redirects=False).status_code
        )

    for client in clients.values():  # FastAPI makes a route ready when it is first asked for: not on two threads at once
        assert client.post("/console/models/promote", data={"version": "", "because": " "} | csrf(client)).status_code == 422
    with psycopg.connect(database_url) as turn:
        turn.execute("SELECT FROM serving FOR UPDATE")
        both = [threading.Thread(target=promote, args=of) for of in (("olga", "0.1.0"), ("otto", "0.3.0"))]
        for one in both:
            one.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%move_model%' AND datname = current_database()"
        wait_for(lambda: filled.sql.execute(waiting).fetchone() == (2,), 10, "that both have looked and wait for their turn")
    for one in both:
        one.join()
    assert sorted(answers.values()) == [303, 422]
    ((actor,),) = filled.sql.execute("SELECT actor FROM actions").fetchall()
    assert answers[actor] == 303
    assert filled.sql.execute("SELECT count(*) FROM models WHERE state = 'champion'").fetchone() == (1,)


class Cut:
    """A registry whose answer is lost after it has done what it was asked for."""

    def __init__(self, registry):
        self._registry = registry

    def __getattr__(self, name):
        return getattr(self._registry, name)

    def move(self, *values, **more):
        self._registry.move(*values, **more)
        raise LedgerUnavailable("server closed the connection unexpectedly")


def test_whose_answer_is_lost_is_not_told_that_nothing_was_changed(filled):
    filled.room = replace(filled.room, registry=Cut(filled.room.registry))
    olga = filled.client("olga", Role.OPS)
    form = {"version": "waste-lite0-0.3.0", "champion": "waste-lite0-0.2.0", "because": "better"}
    page = olga.post("/console/models/promote", data=form | csrf(olga))
    assert (page.status_code, "Nothing was changed" in page.text) == (503, False)
    assert "whether" in page.text
    assert state(filled, "waste-lite0-0.3.0") == "champion"
    again = olga.post("/console/models/promote", data=form | csrf(olga))
    assert (again.status_code, "The champion is waste-lite0-0.3.0 already, by olga at " in again.text) == (422, True)


def test_a_form_that_is_sent_twice_promotes_once_and_says_who_did(filled, olga):
    form = {"version": "waste-lite0-0.3.0", "champion": "waste-lite0-0.2.0", "because": "better"} | csrf(olga)
    assert olga.post("/console/models/promote", data=form, follow_redirects=False).status_code == 303
    again = olga.post("/console/models/promote", data=form)
    assert (again.status_code, "The champion is waste-lite0-0.3.0 already, by olga at " in again.text) == (422, True)
    assert filled.sql.execute("SELECT count(*) FROM actions").fetchone() == (1,)
