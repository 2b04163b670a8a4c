"""`waste dlq` as people and scripts run it, as the login of its role."""

import json
import os
import subprocess
import sys
from uuid import uuid4

import pytest

from contracts.accounts import Role


@pytest.fixture
def dlq(house, redis_url):
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": house.urls["review"], "QUEUE_URL": redis_url}

    def run(*arguments, code=0, **more):
        command = [sys.executable, "-m", "waste", "dlq", *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, **more)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def test_an_account_enters_by_a_link_and_its_role_changes(dlq, house):
    link = dlq("account", "add", "rita", "--role", "reviewer").stdout.strip()
    assert link.startswith("http://127.0.0.1:8080/enter/link?token=")
    assert "is taken" in dlq("account", "add", "RITA", code=1).stderr
    assert "name is not" in dlq("account", "add", "<b>", code=1).stderr
    dlq("account", "role", "rita", "--role", "ops")
    assert house.desk.accounts.find("rita")[0].role == Role.OPS
    dlq("account", "lock", "rita")
    assert house.desk.accounts.find("rita") is None
    dlq("account", "unlock", "rita")
    token = json.loads(dlq("account", "token", "rita", "--json").stdout)["token"]
    client = house.client()
    assert client.get("/api/v1/items", headers={"authorization": f"Bearer {token}"}).status_code == 200
    assert [row["name"] for row in json.loads(dlq("account", "list", "--json").stdout)] == ["rita"]
    assert "no account" in dlq("account", "lock", "nobody", code=1).stderr
    (row,) = house.sql.execute("SELECT count(*) FROM actions WHERE actor LIKE 'command line, %'")
    assert row == (5,)


def test_items_are_listed_shown_labelled_and_exported(dlq, house):
    event_id, other = house.file(2)
    house.account("rita")
    assert {row["event_id"] for row in json.loads(dlq("list", "--json").stdout)} == {str(event_id), str(other)}
    assert dlq("label", event_id, "glass", "--as", "rita").stdout == "closed: the item has its answer\n"
    assert dlq("label", event_id, "glass", "--as", "rita").stdout.startswith("repeated: nothing changed")
    assert "no account" in dlq("label", event_id, "glass", "--as", "nobody", code=1).stderr
    assert "not known" in dlq("label", uuid4(), "glass", "--as", "rita", code=1).stderr
    shown = json.loads(dlq("show", event_id).stdout)
    assert (shown["state"], shown["labels"][0]["reviewer"]) == ("labelled", "rita")
    assert "no item" in dlq("show", uuid4(), code=1).stderr
    lines = dlq("export", "--state", "any").stdout.splitlines()
    assert {json.loads(line)["event_id"] for line in lines} == {str(event_id), str(other)}
    assert "no" not in dlq("depth").stdout.split("review")[0]
    assert "1 open: low_confidence 1" in dlq("depth").stdout


def test_another_answer_is_refused_unless_it_replaces_the_first(dlq, house):
    (event_id,) = house.file()
    house.account("rita")
    dlq("label", event_id, "glass", "--as", "rita")
    assert "is glass so far; --replace corrects it" in dlq("label", event_id, "metal", "--as", "rita", code=1).stderr
    assert house.state(event_id) == ("labelled", "glass")
    assert dlq("label", event_id, "metal", "--as", "rita", "--replace").stdout.startswith("closed")
    assert house.state(event_id) == ("labelled", "metal")
    (row,) = house.sql.execute("SELECT count(*) FROM actions WHERE action = 'label'")
    assert row == (2,)


def test_label_studios_tasks_go_out_and_come_back(dlq, house, tmp_path):
    house.file(2)
    house.account("studio")
    tasks = json.loads(dlq("export", "--format", "label-studio").stdout)
    assert "<Choices" in dlq("export", "--format", "label-studio-config").stdout
    result = {"from_name": "category", "to_name": "image", "type": "choices", "value": {"choices": ["metal"]}}
    for task in tasks:
        task["annotations"] = [{"id": 1, "result": [result]}]
    tasks.append({"data": {"event_id": str(uuid4())}, "annotations": [{"id": 1, "result": [result]}]})
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps(tasks))
    done = dlq("import", file, "--as", "studio", code=1)
    assert done.stdout == "2 closed; 1 refused\n"
    assert "not known" in done.stderr
    assert dlq("import", file, "--as", "studio", code=1).stdout == "2 repeated; 1 refused\n"
    tasks[0]["annotations"][0]["result"] = [result | {"value": {"choices": ["glass"]}}]
    file.write_text(json.dumps(tasks[:2]))
    changed = dlq("import", file, "--as", "studio", code=1)
    assert changed.stdout == "1 differs, 1 repeated; 0 refused\n"
    assert f"left out: {tasks[0]['data']['event_id']}" in changed.stderr
    file.write_text("[{")
    assert "cannot be read" in dlq("import", file, "--as", "studio", code=1).stderr
    assert "has to be review" in dlq("export", "--lane", "failures", "--format", "label-studio", code=1).stderr


def test_failures_are_redriven_and_put_away(dlq, house):
    first, second, third = (house.fail(sensor_id=f"bin-{n}").event_id for n in range(3))
    assert dlq("redrive", first).stdout.startswith("1 opened again")
    assert json.loads(dlq("redrive", first, "--json").stdout)["left"] == [str(first)]
    assert dlq("discard", "--all", "--sensor", "bin-1", "--because", "a test bin").stdout == "1 put away\n"
    assert "exactly one of them" in dlq("redrive", code=1).stderr
    assert "exactly one of them" in dlq("redrive", third, "--all", code=1).stderr
    assert dlq("redrive", "--all").stdout.startswith("1 opened again")
    assert json.loads(dlq("show", second).stdout)["close_reason"] == "a test bin"
    dlq("discard", third, "--because", " ", code=2)
    assert json.loads(dlq("reconcile", "--json").stdout) == {"filed": 0}
