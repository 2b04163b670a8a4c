"""`waste dlq` as people and scripts run it, as the login of its role."""

import json
import os
import socket
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
    assert dlq("account", "lock", "rita").stdout == "rita: ops, locked: its sessions and tokens have ended\n"
    assert house.desk.accounts.find("rita") is None
    assert dlq("account", "unlock", "rita").stdout == "rita: ops, may enter\n"
    table = dlq("account", "list").stdout.splitlines()
    assert (table[0].split()[:2], table[1].split()[:2]) == (["NAME", "ROLE"], ["rita", "ops"])
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
    repeated = dlq("redrive", first, "--json", code=1)
    assert json.loads(repeated.stdout)["left"] == [str(first)]
    assert f"left as it is: {first}" in repeated.stderr
    assert dlq("discard", "--all", "--sensor", "bin-1", "--because", "a test bin").stdout == "1 put away, 0 left as they are\n"
    assert "exactly one of them" in dlq("redrive", code=1).stderr
    assert "exactly one of them" in dlq("redrive", third, "--all", code=1).stderr
    assert dlq("redrive", "--all").stdout.startswith("1 opened again")
    assert "means nothing: nothing waits there" in dlq("redrive", "--all", code=1).stderr
    assert json.loads(dlq("show", second).stdout)["close_reason"] == "a test bin"
    dlq("discard", third, "--because", " ", code=2)
    assert json.loads(dlq("reconcile", "--json").stdout) == {"filed": 0}


def test_what_means_nothing_says_what_there_would_be(dlq, house):
    failed = house.fail().event_id
    (item,) = house.file()
    reason = house.desk.browser.show(failed)["reason"]
    assert f"open there: {reason} 1" in dlq("redrive", "--all", "--reason", "imgage_missing", code=1).stderr
    assert "open there: low_confidence 1" in dlq("list", "--sensor", "nobody").stdout
    assert "--reason goes with --all" in dlq("redrive", failed, "--reason", "poison", code=1).stderr
    assert "is no open failure" in dlq("redrive", uuid4(), code=1).stderr
    assert "is no open failure" in dlq("discard", item, "--because", "x", code=1).stderr
    assert "state redriven is not of the lane review" in dlq("list", "--state", "redriven", code=1).stderr
    assert "until is not later than since" in dlq("list", "--since", "2026-05-02", "--until", "2026-05-01", code=1).stderr
    assert "STATE" in dlq("list", "--state", "any").stdout.splitlines()[0]
    assert house.sql.execute("SELECT state FROM failures").fetchall() == [("open",)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "--since", "yesterday"), "'yesterday' is no time"),
        (("label", "x", "glass", "--as", "rita"), "'x' is no event's id"),
        (("label", str(uuid4()), "gold", "--as", "rita"), "'gold' is none of plastic, paper"),
        (("list", "--sensor", ""), "is empty"),
        (("account", "role", "rita"), "--role"),
        (("account", "role", "rita", "--role", "boss"), "'boss' is none of reviewer, ops, admin"),
    ],
)
def test_an_argument_that_is_none_is_told_in_words_of_this_program(dlq, arguments, said):
    assert said in dlq(*arguments, code=2).stderr


def test_what_is_tried_again_is_counted_before_it_is_in_a_lane(dlq, house):
    event = house.event()
    house.sql.execute("UPDATE events SET available_at = now() + interval '5 min', last_reason = 'image_missing', attempts = 3")
    assert "1 in no lane yet, tried again later: image_missing 1" in dlq("depth").stdout
    (row,) = json.loads(dlq("depth", "--json").stdout)["retrying"]
    assert (row["reason"], row["items"]) == ("image_missing", 1)
    assert house.desk.browser.show(event.event_id) is None


def test_a_database_that_is_away_is_told_with_its_cause_in_one_line(house, redis_url):
    away = {"PATH": os.environ["PATH"], "QUEUE_URL": redis_url, "DATABASE_URL": "postgresql://x@127.0.0.1:9/x"}
    done = subprocess.run([sys.executable, "-m", "waste", "dlq", "list"], env=away, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "Connection refused" in done.stderr


def test_a_port_that_is_taken_and_a_login_of_another_role_are_named(house, redis_url):
    environment = {"PATH": os.environ["PATH"], "QUEUE_URL": redis_url, "DATABASE_URL": house.urls["worker"]}

    def run(*arguments, **more):
        command = [sys.executable, "-m", "waste", "dlq", *arguments]
        return subprocess.run(command, env=environment | more, capture_output=True, text=True, timeout=60)

    reader = run("drain", "--once", DATABASE_URL=house.urls["reader"])
    assert (reader.returncode, "right role" in reader.stderr) == (1, True), reader.stderr
    wrong = run("drain", "--once")
    assert (wrong.returncode, "right role" in wrong.stderr) == (1, True), wrong.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        served = run("serve", REVIEW_PORT=port, DATABASE_URL=house.urls["review"], **house.store)
    assert served.returncode == 2
    assert f"REVIEW_PORT: {port} on 127.0.0.1 cannot be listened on: Address already in use" in served.stderr


def test_who_forgot_a_password_is_let_in_to_set_another(dlq, house):
    account = house.account("rita")
    house.desk.accounts.change("rita", password_hash=house.desk.passwords.hash("a good old password", "rita"))
    token = house.desk.accounts.issue("api", account.account_id, 600)
    link = dlq("account", "reset", "rita").stdout.strip()
    assert "/enter/link?token=" in link
    assert house.desk.accounts.find("rita")[1] is None
    assert house.desk.accounts.account_of("api", token) is None
    assert house.desk.accounts.use_link(link.rpartition("=")[2])[0].name == "rita"
    assert "no account" in dlq("account", "reset", "nobody", code=1).stderr
    house.desk.accounts.change("rita", password_hash=house.desk.passwords.hash("a good old password", "rita"))
    house.desk.accounts.change("rita", disabled=True)
    assert "no account that may enter" in dlq("account", "reset", "rita", code=1).stderr
    house.desk.accounts.change("rita", disabled=False)
    assert house.desk.accounts.find("rita")[1]


def test_a_role_that_somebody_has_ends_nothing_and_the_last_admin_is_missed(dlq, house):
    account = house.account("rita")
    token = house.desk.accounts.issue("api", account.account_id, 600)
    same = dlq("account", "role", "rita", "--role", "reviewer")
    assert same.stdout == "rita: reviewer, as before\n"
    assert "there is no admin" in same.stderr
    assert house.desk.accounts.account_of("api", token)
    assert "have ended" in dlq("account", "role", "rita", "--role", "admin").stdout
    assert house.desk.accounts.account_of("api", token) is None
