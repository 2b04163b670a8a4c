"""`waste truth` as people run it, as the login of its role."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.plant_house import NOON

NOW = datetime.now(UTC) - timedelta(minutes=5)
HEAD = "sensor_id,observed_at,category,reference\n"


@pytest.fixture
def truth(plant, stack, database_url, tmp_path):
    from local.database import ensure_logins

    url = ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2])["learning"]
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": url}

    def run(*arguments, code=0):
        command = [sys.executable, "-m", "waste", "truth", *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def row(seconds, category="plastic", reference=""):
    return f"bin-7,{(NOON + timedelta(seconds=seconds)).isoformat()},{category},{reference}\n"


def test_a_file_is_taken_joined_and_counted(truth, plant, tmp_path):
    plant.decided(0, 100, 200, 300)
    file = tmp_path / "north.csv"
    file.write_text("\ufeff" + HEAD + row(1) + row(102, "glass") + row(199))
    assert truth("import", file, "--source", "north").stdout == "3 new, 0 repeated, 0 rejected\n"
    assert truth("import", file, "--source", "north").stdout == "0 new, 3 repeated, 0 rejected\n"
    assert "0.0%" in truth("accuracy").stdout
    assert truth("accuracy").stdout.endswith("`waste truth join` or `look` joins what has come since the last one\n")
    assert truth("join").stdout == "1 days of sensors were joined; people look once more at 0 pictures\n"
    assert truth("join").stdout == "0 days of sensors were joined; people look once more at 0 pictures\n"
    assert truth("list", "unmatched").stdout == "there are none\n"
    (told,) = json.loads(truth("accuracy", "--json").stdout)
    assert (told["labels"], told["decided"], told["value"]) == (3, 4, pytest.approx(2 / 3))
    by_actual = {row["actual"]: row for row in json.loads(truth("accuracy", "--json", "--by", "actual").stdout)}
    assert {actual: (row["labels"], row["value"]) for actual, row in by_actual.items()} == {
        None: (0, None),
        "glass": (1, 0.0),
        "plastic": (2, 1.0),
    }
    table = truth("accuracy", "--by", "actual").stdout
    assert "glass" in table
    assert "66.7%" in truth("accuracy").stdout
    assert "nothing was decided then" in truth("accuracy", "--mature-h", "2000").stdout


def test_rows_that_are_no_labels_are_named_and_the_others_taken(truth, plant, tmp_path):
    file = tmp_path / "north.csv"
    future = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    lines = [HEAD, row(1, reference="r1"), row(2, "wood"), "bin-7,x\n", f"bin-7,{future},glass,\n", row(3, "metal", "r1"), row(4)]
    file.write_text("".join(lines))
    done = truth("import", file, "--source", "north", code=1)
    said = done.stdout.splitlines()
    assert said[0] == "2 new, 0 repeated, 4 rejected"
    assert sorted(line.split(":")[0].strip() for line in said[1:]) == ["line 3", "line 4", "line 5", "line 6"]
    assert "'wood' is none of plastic" in done.stdout
    assert "lies in the future" in done.stdout
    assert "r1 came before with other content" in done.stdout
    (kept,) = plant.sql.execute("SELECT new, rejected, jsonb_array_length(problems) FROM truth_imports").fetchall()
    assert kept == (2, 4, 4)


def test_json_lines_are_read_too_and_what_is_none_is_said(truth, tmp_path):
    file = tmp_path / "north.jsonl"
    good = {"sensor_id": "bin-7", "observed_at": NOON.isoformat(), "category": "glass"}
    file.write_text("\n".join([json.dumps(good), "{", "[1]", "", json.dumps(good | {"colour": 1}), "[" * 9000]))
    done = truth("import", file, "--source", "north", code=1)
    assert done.stdout.splitlines()[0] == "1 new, 0 repeated, 4 rejected"
    for name, text, said in (
        ("a.csv", "", "has no column sensor_id; there is none"),
        ("b.csv", "sensor_id,category\n", "has no column observed_at"),
        ("c.txt", "", "is none of .csv"),
        ("d.csv", None, "cannot be read: No such file"),
    ):
        if text is not None:
            (tmp_path / name).write_text(text)
        assert said in truth("import", tmp_path / name, "--source", "north", code=1).stderr
    (tmp_path / "e.csv").write_bytes(HEAD.encode() + b"\xff\xfe\n")
    assert "line 2: is not UTF-8" in truth("import", tmp_path / "e.csv", "--source", "north", code=1).stdout
    assert "is not 1 to 100 letters" in truth("import", file, "--source", "no\nrth", code=2).stderr
    # As a second plant's its labels would count twice beside those that came over HTTP.
    assert "of the source 'north'" in truth("import", file, "--source", "plant:north", code=2).stderr


def test_a_plant_finds_its_rows_again_by_batch_and_reference(truth, plant, tmp_path):
    file = tmp_path / "north.csv"
    file.write_text(HEAD.strip() + ",batch\n" + "".join(row(at, reference=f"r{at}").strip() + ",monday\n" for at in (1, 2, 3)))
    truth("import", file, "--source", "north")
    truth("join")
    head, *rows = truth("list", "unmatched").stdout.splitlines()
    assert re.split(r"  +", head) == ["observed (UTC)", "sensor", "plant", "batch", "reference", "it says", "people say", "event"]
    assert [re.split(r"  +", one)[1:] for one in rows] == [["bin-7", "north", "monday", f"r{at}", "plastic"] for at in (3, 2, 1)]
    assert truth("list", "unmatched", "--limit", "2").stdout.endswith("the newest 2; more with --limit\n")
    assert json.loads(truth("list", "unmatched", "--json").stdout)[0]["reference"] == "r3"


def test_what_is_wrong_is_said_in_words_and_once_where_many_rows_have_it(truth, tmp_path):
    file = tmp_path / "north.csv"
    file.write_text(HEAD.replace("reference", "weight") + row(1, "glass", "3.5") * 150)
    said = truth("import", file, "--source", "north", code=1)
    assert said.stdout.splitlines()[1:] == [
        (
            "  lines 2 to 101, 100 times: weight: is no field of a label, which are "
            "sensor_id, observed_at, category, source, event_id, batch, reference"
        ),
        "  and 50 more",
    ]
    assert said.stderr == ""  # no bar where nobody looks at it
    file.write_text(HEAD + "bin-7,26.11.2026 22:38,glass,\n,2026-11-26T22:38:00,glass,\n")
    told = truth("import", file, "--source", "north", code=1).stdout
    assert "line 2: observed_at: '26.11.2026 22:38' is no time as 2026-05-01T12:00:00" in told
    assert "line 3: sensor_id: is empty" in told
    file.with_suffix(".jsonl").write_text(json.dumps({"sensor_id": "bin-7", "category": "glass"}))
    assert "line 1: observed_at: is missing" in truth("import", file.with_suffix(".jsonl"), "--source", "north", code=1).stdout


def test_who_sees_no_figures_yet_is_told_what_does_not_count_yet(truth, plant):
    plant.decided(0, day=NOW)
    said = truth("accuracy").stdout
    assert re.fullmatch(r"nothing was decided then, from .* to .* UTC; of the last 24 hours .* \(--mature-h\)\n", said)
    looked = truth("look")
    assert "younger than 24 hours does not count yet" in looked.stdout
    assert json.loads(looked.stderr, parse_constant=pytest.fail)["value"] is None
    assert "(no label)" in truth("accuracy", "--mature-h", "0", "--by", "actual").stdout
    assert "(no site)" in truth("accuracy", "--mature-h", "0", "--by", "site").stdout


def test_a_look_joins_and_says_whether_accuracy_has_fallen(truth, plant, tmp_path):
    plant.decided(*range(0, 15_000, 100))
    file = tmp_path / "north.csv"
    file.write_text(HEAD + "".join(row(seconds, "glass") for seconds in range(0, 15_000, 100)))
    truth("import", file, "--source", "north")
    assert truth("look", code=3).stdout.startswith("150 labels, 0.0% right")
    assert json.loads(truth("look", "--json", code=3).stdout)["fires"] is True
    (alert,) = json.loads(truth("alerts", "--json").stdout)
    assert (alert["kind"], alert["resolved_at"]) == ("accuracy_fell", None)
    assert "accuracy_fell" in truth("alerts").stdout


def test_parquet_is_read_too_and_what_is_none_is_said(truth, tmp_path):
    table = pa.table(
        {
            "sensor_id": ["bin-7"] * 3,
            "observed_at": pa.array([NOON, NOON + timedelta(seconds=1), None], pa.timestamp("us", "UTC")),
            "category": ["glass", "wood", "glass"],
        }
    )
    file = tmp_path / "north.parquet"
    parquet.write_table(table, file)
    done = truth("import", file, "--source", "north", code=1)
    assert done.stdout.splitlines()[0] == "1 new, 0 repeated, 2 rejected"
    assert "line 2: category: 'wood'" in done.stdout
    assert "line 3: observed_at" in done.stdout
    parquet.write_table(table.drop_columns(["category"]), file)
    assert "has no column category" in truth("import", file, "--source", "north", code=1).stderr
    file.write_bytes(b"PAR1 and no more")
    assert "cannot be read as Parquet" in truth("import", file, "--source", "north", code=1).stderr


def test_tens_of_thousands_of_repetitions_of_a_row_are_one_label(truth, plant, tmp_path):
    plant.decided(100)
    file = tmp_path / "north.csv"
    file.write_text(HEAD + row(101) * 30_000)
    assert truth("import", file, "--source", "north").stdout == "1 new, 29999 repeated, 0 rejected\n"
    truth("join")
    assert plant.sql.execute("SELECT count(*), count(event_id) FROM ground_truth").fetchone() == (1, 1)
