"""`waste truth` as people run it, as the login of its role."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.plant_house import NOON

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
    assert truth("join").stdout == "1 days of sensors were joined; people look once more at 0 pictures\n"
    assert truth("join").stdout == "0 days of sensors were joined; people look once more at 0 pictures\n"
    assert truth("list", "unmatched").stdout == "there are none\n"
    (told,) = json.loads(truth("accuracy", "--json").stdout)
    assert (told["labels"], told["decided"], told["value"]) == (3, 4, pytest.approx(2 / 3))
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
    assert "source" in truth("import", file, "--source", "no\nrth", code=1).stdout


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
