"""The desk's JSON: labels told by programs, Label Studio's tasks, and what a reviewer must not learn of it."""

import re
from uuid import uuid4

import pytest

from contracts.accounts import Role
from contracts.labels import Choice
from dlq_review.web import api_answers


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
    assert tool.post("/api/v1/label-studio/tasks", json=tasks).json() == {"effects": {"taken": 3}, "refused": [], "differing": []}
    assert tool.post("/api/v1/label-studio/tasks", json=tasks).json()["effects"] == {"repeated": 3}
    tasks[0]["annotations"][0]["result"] = [result | {"value": {"choices": ["paper"]}}]
    changed = tool.post("/api/v1/label-studio/tasks", json=tasks)
    assert (changed.status_code, changed.json()["effects"]) == (207, {"differs": 1, "repeated": 2})
    assert changed.json()["differing"] == [tasks[0]["data"]["event_id"]]
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
        "/api/v1/console/fleet", "/api/v1/console/model", "/api/v1/console/sensors/{sensor_id}", "/api/v1/console/events/{event_id}",
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


@pytest.mark.parametrize(
    "wrong", [{"resaon": "poison"}, {"category": "glass"}, {"answer": "glass"}, {"lane": "review"}, {"sensor": ""}]
)
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


def test_another_answer_is_a_conflict_that_names_the_label_to_replace(house):
    (event_id,) = house.file()
    rita = house.client("rita")
    first = rita.post(f"/api/v1/items/{event_id}/labels", json={"choice": "glass"}).json()["label_id"]
    other = rita.post(f"/api/v1/items/{event_id}/labels", json={"choice": "metal"})
    assert (other.status_code, other.json()["standing"]) == (409, {"label_id": first, "choice": "glass"})
    assert rita.post(f"/api/v1/items/{event_id}/labels", json={"choice": "metal", "replaces": first}).json()["effect"] == "taken"
    assert house.state(event_id) == ("labelled", "metal")
    action = {"kind": "label", "event_id": str(event_id), "label_id": str(uuid4()), "choice": "paper"}
    told = rita.post("/review/actions", json={"desk": str(uuid4()), "actions": [action]}).json()["results"]
    assert "My answers corrects it" in told[0]["error"]


def test_an_annotation_with_an_identity_of_its_own_is_one_label_whoever_imports_it(house):
    (event_id,) = house.file()
    house.sql.execute("UPDATE review_items SET wanted = 2")
    result = {"from_name": "category", "value": {"choices": ["glass"]}}
    annotations = [{"id": 5, "unique_id": "8c0b1fb7-6b1f-4b6c-9e0a-6f2f9d6f6a11", "result": [result]}]
    tasks = [{"data": {"event_id": str(event_id)}, "annotations": annotations}]
    for name, effect in (("rita", "taken"), ("rolf", "repeated")):
        assert house.client(name).post("/api/v1/label-studio/tasks", json=tasks).json()["effects"] == {effect: 1}
    assert house.state(event_id) == ("open", None)


def test_what_the_api_answers_is_what_its_description_says(house):
    first, second = house.file(2)
    failed, other = house.fail().event_id, house.fail(sensor_id="bin-8").event_id
    olga = house.client("olga", Role.OPS)
    said = {
        "Items": olga.get("/api/v1/items"),
        "Item": olga.get(f"/api/v1/items/{first}"),
        "LabelTaken": olga.post(f"/api/v1/items/{first}/labels", json={"choice": "glass"}),
        "LabelDiffers": olga.post(f"/api/v1/items/{first}/labels", json={"choice": "metal"}),
        "BacklogNow": olga.get("/api/v1/backlog"),
        "Redriven": olga.post("/api/v1/failures/redrive", json={"events": [str(failed)]}),
        "Discarded": olga.post("/api/v1/failures/discard", json={"events": [str(other)], "reason": "old"}),
        "Tasks": olga.get("/api/v1/label-studio/tasks"),
        "Imported": olga.post("/api/v1/label-studio/tasks", json=[]),
        "Problem": olga.get("/api/v1/items/nonsense"),
    }
    for name, answer in said.items():
        model = getattr(api_answers, name)
        model.model_validate_json(answer.text)
        if name not in {"Item", "Tasks"}:
            assert set(answer.json()) <= set(model.model_fields), name
    described = olga.get("/api/v1/openapi.json").json()
    assert set(described["components"]["securitySchemes"]) == {"HTTPBearer", "APIKeyCookie"}
    for path, calls in described["paths"].items():
        for call in calls.values():
            assert call["security"], path
            assert {"200", "401", "403", "422", "503"} <= set(call["responses"]), path
    assert str(second) in said["Items"].text


def test_a_typo_in_a_query_is_said_instead_of_listing_everything(house):
    house.file(2)
    olga = house.client("olga", Role.OPS)
    for path in ("/api/v1/items", "/api/v1/label-studio/tasks"):
        answer = olga.get(path, params={"reasn": "low_confidence"})
        assert answer.status_code == 422
        assert "reasn" in answer.json()["error"]


def test_a_program_whose_token_opens_nothing_is_told_why(house):
    client = house.client()
    answer = client.get("/api/v1/items", headers={"authorization": "Bearer nonsense"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "token is not known" in answer.json()["error"]


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


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("/api/v1/items?lane=failures&state=labelled", "is not of the lane failures"),
        ("/api/v1/items?lane=failures&category=glass", "category"),
        ("/api/v1/items?since=2026-01-02&until=2026-01-01", "until is not later than since"),
        ("/api/v1/items?sensor=", "empty"),
        ("/api/v1/label-studio/tasks?lane=failures", "lane"),
        ("/failures?state=labelled", "not of the lane failures"),
        ("/failures?since=0001-01-01T00:00%2B14:00", "no date and time"),
        ("/failures?until=9999-12-31T23:59-14:00", "no date and time"),
        ("/items?since=9999-12-31T23:59-14:00", "no date and time"),
    ],
)
def test_a_filter_that_nothing_can_pass_is_said(house, query, said):
    answer = house.client("olga", Role.OPS).get(query)
    assert answer.status_code == 422
    assert said in answer.text


def test_nothing_is_put_away_without_a_reason_that_can_be_read(house):
    failed = str(house.fail().event_id)
    olga = house.client("olga", Role.OPS)
    for reason in ("", " ", "\u202e\u0000"):
        assert olga.post("/api/v1/failures/discard", json={"events": [failed], "reason": reason}).status_code == 422
    other = str(uuid4())
    answer = olga.post("/api/v1/failures/discard", json={"events": [failed, other, failed], "reason": "old"}).json()
    assert answer == {"discarded": [failed], "left": [other]}


def test_the_next_page_is_found_with_the_address_as_it_is(house):
    house.file(3)
    rita = house.client("rita")
    following = rita.get("/api/v1/items?limit=2").json()["next"]
    assert len(rita.get(f"/api/v1/items?limit=2&after={following}").json()["items"]) == 1
