"""The desk's JSON: labels told by programs, Label Studio's tasks, and what a reviewer must not learn of it."""

import re
from uuid import uuid4

import pytest

from contracts.accounts import Role
from contracts.labels import Choice


def test_a_label_for_an_item_that_is_closed_and_other_wrong_things_are_said(house):
    (event_id,) = house.file()
    rita, rolf = house.client("rita"), house.client("rolf")
    assert rita.post(f"/api/v1/items/{event_id}/labels", json={"choice": "glass"}).json()["effect"] == "taken"
    assert rolf.post(f"/api/v1/items/{event_id}/labels", json={"choice": "metal"}).json()["effect"] == "taken"
    assert house.state(event_id) == ("labelled", "glass")
    wrong = rita.post(f"/api/v1/items/{event_id}/labels", json={"choice": "gold"})
    assert wrong.status_code == 422
    assert "choice" in wrong.json()["error"]
    unknown = rita.post(f"/api/v1/items/{uuid4()}/labels", json={"choice": "glass"})
    assert unknown.status_code == 422
    assert "not known" in unknown.json()["error"]
    said = rita.post(
        "/review/actions",
        json={
            "desk": str(uuid4()),
            "actions": [
                {"kind": "label", "event_id": str(uuid4()), "label_id": str(uuid4()), "choice": "glass"},
                {"kind": "skip", "event_id": str(event_id)},
            ],
        },
    )
    assert [sorted(result) for result in said.json()["results"]] == [["error"], ["effect", "item"]]


def test_a_large_body_is_refused(house):
    answer = house.client("rita").post(
        "/api/v1/label-studio/tasks", content=b"[" + b" " * 9_000_000 + b"]", headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413


def test_labels_go_out_to_label_studio_and_come_back_once(house):
    ids = house.file(3)
    olga = house.client("olga", Role.OPS)
    tasks = olga.get("/api/v1/label-studio/tasks").json()
    assert {task["data"]["event_id"] for task in tasks} == {str(one) for one in ids}
    assert tasks[0]["predictions"][0]["result"][0]["value"]["choices"] == ["plastic"]
    result = {"from_name": "category", "to_name": "image", "type": "choices", "value": {"choices": ["Glass"]}}
    for number, task in enumerate(tasks):
        task["annotations"] = [{"id": number, "lead_time": 2.5, "created_at": "2026-05-01T12:00:00Z", "result": [result]}]
    token = house.desk.accounts.issue("api", house.account("studio").account_id, 600)
    tool = house.client()
    tool.headers["authorization"] = f"Bearer {token}"
    assert tool.post("/api/v1/label-studio/tasks", json=tasks).json() == {"effects": {"taken": 3}, "refused": []}
    assert tool.post("/api/v1/label-studio/tasks", json=tasks).json()["effects"] == {"repeated": 3}
    closed = olga.get("/api/v1/label-studio/tasks?state=labelled").json()
    assert {task["annotations"][0]["result"][0]["value"]["choices"][0] for task in closed} == {"glass"}
    tasks[1]["annotations"][0]["result"] = [result | {"value": {"choices": ["gold"]}}]
    wrong = tool.post("/api/v1/label-studio/tasks", json=tasks)
    assert wrong.status_code == 422
    assert "tasks[1].annotations[0].result" in wrong.json()["error"]


def test_the_api_is_described_and_pages_through_all_items(house):
    ids = house.file(5)
    rita = house.client("rita")
    described = rita.get("/api/v1/openapi.json").json()["paths"]
    assert set(described) == {
        "/api/v1/items", "/api/v1/items/{event_id}", "/api/v1/items/{event_id}/picture", "/api/v1/items/{event_id}/labels",
        "/api/v1/failures/redrive", "/api/v1/failures/discard", "/api/v1/backlog", "/api/v1/label-studio/tasks",
    }  # fmt: skip
    seen, after = [], None
    while True:
        page = rita.get("/api/v1/items", params={"limit": 2} | ({"after": after} if after else {})).json()
        seen += [item["event_id"] for item in page["items"]]
        if not (after := page["next"]):
            break
    assert sorted(seen) == sorted(str(one) for one in ids)


def test_telling_the_same_actions_twice_changes_nothing_and_a_bad_one_holds_up_no_other(house):
    first, second = house.file(2)
    rita = house.client("rita")
    ids = [str(uuid4()) for _ in range(3)]
    batch = {
        "desk": str(uuid4()),
        "actions": [
            {"kind": "label", "event_id": str(first), "label_id": ids[0], "choice": "glass"},
            {"kind": "label", "event_id": str(first), "label_id": ids[1], "replaces": ids[0]},
            {"kind": "label", "event_id": str(first), "label_id": ids[2], "choice": "metal"},
            {"kind": "label", "event_id": str(second), "label_id": str(uuid4()), "choice": "paper", "replaces": ids[0]},
        ],
    }
    once = rita.post("/review/actions", json=batch).json()["results"]
    assert [result.get("effect", "error") for result in once] == ["taken", "taken", "taken", "error"]
    twice = rita.post("/review/actions", json=batch).json()["results"]
    assert [result.get("effect", "error") for result in twice] == ["repeated", "repeated", "repeated", "error"]
    correction = {"choice": "paper", "label_id": str(uuid4()), "replaces": ids[2]}
    for effect in ("taken", "repeated"):
        assert rita.post(f"/api/v1/items/{first}/labels", json=correction).json()["effect"] == effect
    assert house.state(first) == ("labelled", "paper")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "yesterday"])
def test_a_label_of_no_time_of_this_fleet_is_refused_and_one_of_the_future_is_of_now(house, moment):
    (event_id,) = house.file()
    rita = house.client("rita")
    result = {"from_name": "category", "value": {"choices": ["glass"]}}
    task = {"data": {"event_id": str(event_id)}, "annotations": [{"created_at": moment, "result": [result]}]}
    assert rita.post("/api/v1/label-studio/tasks", json=[task]).status_code == 422
    task["annotations"][0]["created_at"] = "2090-01-01T00:00:00Z"
    assert rita.post("/api/v1/label-studio/tasks", json=[task]).json()["effects"] == {"taken": 1}
    (row,) = house.sql.execute("SELECT labelled_at <= now() FROM labels")
    assert row == (True,)


def test_a_reviewer_cannot_look_up_which_items_are_closed_and_what_others_said(house):
    closed, waiting = house.file(2)
    house.client("olga", Role.OPS).post(f"/api/v1/items/{closed}/labels", json={"choice": "glass"})
    rita = house.client("rita")
    for state in ("open", "labelled", "any"):
        found = rita.get("/api/v1/items", params={"state": state}).json()["items"]
        assert {item["event_id"] for item in found} == {str(closed), str(waiting)}
        assert not {"state", "resolved", "closed_at", "leased"} & set(found[0])
    assert rita.get("/api/v1/items?answer=glass").status_code == 403
    assert rita.get("/items?answer=glass").status_code == 403

    def alike(event_id):
        page = rita.get(f"/items/{event_id}").text.replace(str(event_id), "ID")
        return re.sub(r'datetime="[^"]*"|title="[^"]*"|\d+\xa0s ago', "", page)

    assert alike(closed) == alike(waiting)


@pytest.mark.parametrize("wrong", [{"resaon": "poison"}, {"category": "glass"}, {"answer": "glass"}, {"lane": "review"}])
def test_a_filter_that_is_not_understood_moves_nothing(house, wrong):
    house.fail()
    olga = house.client("olga", Role.OPS)
    for call in ("redrive", "discard"):
        more = {"reason": "old"} if call == "discard" else {}
        answer = olga.post(f"/api/v1/failures/{call}", json={"filter": wrong} | more)
        assert answer.status_code == 422
        assert next(iter(wrong)) in answer.json()["error"]
    form = {"csrf": olga.headers["x-csrf-token"], "reason": "old"}
    for all_of in ("garbage", "&".join(f"{name}={value}" for name, value in wrong.items())):
        assert olga.post("/failures/discard", data=form | {"all_of": all_of}).status_code == 422
    assert house.sql.execute("SELECT state FROM failures").fetchall() == [("open",)]


def test_what_came_of_a_reviewers_answer_tells_nothing_of_others_or_of_gold(house):
    plain, gold, answered = house.file(3)
    house.says("adam", gold, Choice.METAL)
    house.desk.quality.set_gold(gold, Choice.METAL, house.holder("adam").account_id)
    house.says("rolf", answered, Choice.GLASS)
    rita = house.client("rita")
    told = []
    for event_id in (plain, gold, answered):
        label_id = str(uuid4())
        said = {"kind": "label", "event_id": str(event_id), "label_id": label_id, "choice": "glass"}
        undone = {"kind": "label", "event_id": str(event_id), "label_id": str(uuid4()), "replaces": label_id}
        results = rita.post("/review/actions", json={"desk": str(uuid4()), "actions": [said, undone]}).json()["results"]
        told.append([(result["effect"], bool(result["item"])) for result in results])
    assert told == [[("taken", False), ("taken", True)]] * 3
    assert rita.get(f"/review/grid?event={plain}").status_code == 403
    assert house.client("olga", Role.OPS).get(f"/review?event={plain}").status_code == 200


def test_a_reviewer_may_ask_for_one_item_and_closed_ones_look_like_open_ones(house):
    waiting, closed, held, own = house.file(4)
    house.says("rolf", closed, Choice.GLASS)
    house.says("rita", own, Choice.GLASS)
    assert house.desk.lane.pick(house.holder("rolf"), held)
    rita = house.client("rita")
    pages = [rita.get(f"/review?event={event_id}").text for event_id in (waiting, closed, held, own)]
    assert [f'data-event="{event_id}"' in page for event_id, page in zip((waiting, closed, held, own), pages, strict=True)] == [
        True, True, False, False,
    ]  # fmt: skip
    assert ["is with somebody else at this moment" in page for page in pages] == [False, False, True, True]
    judge = [f'href="/review?event={event_id}"' in rita.get(f"/items/{event_id}").text for event_id in (waiting, closed, own)]
    assert judge == [True, True, False]
