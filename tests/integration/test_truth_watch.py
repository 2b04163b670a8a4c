"""What plants put into the object store is taken once, and a file that is none holds up no other."""

import json
import os
import subprocess
import sys

import pytest

from local.database import ensure_logins
from tests.integration.test_truth_commands import HEAD, row
from tests.makers import s3


@pytest.fixture
def watch(stack, database_url, tmp_path):
    url = ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2])["learning"]
    addresses = stack.addresses
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": url,
        "S3_ENDPOINT_URL": addresses.s3_endpoint,
        "S3_REGION": addresses.s3_region,
        "AWS_ACCESS_KEY_ID": addresses.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": addresses.s3_secret_key,
    }

    def run(place, code=0, *, text=False):
        command = [sys.executable, "-m", "waste", "truth", "watch", place, *([] if text else ["--json"])]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr if text else [json.loads(line) for line in done.stdout.splitlines()]

    return run


def test_each_file_is_taken_once_and_again_when_it_is_another(watch, stack, sql):
    bucket, store = stack.addresses.s3_bucket, s3(stack.seaweed)
    place = f"s3://{bucket}/truth/{os.urandom(4).hex()}"
    prefix = place.partition(f"{bucket}/")[2]

    def put(key, text):
        store.put_object(Bucket=bucket, Key=f"{prefix}/{key}", Body=text.encode())

    put("north/monday.csv", HEAD + row(1))
    put("south/a/b.jsonl", json.dumps({"sensor_id": "bin-7", "observed_at": "2026-11-20T12:00:00Z", "category": "glass"}))
    put("north/notes.txt", "no labels")
    put("stray.csv", HEAD + row(2))
    found = {one["name"].rpartition("#")[0].removeprefix(f"{place}/"): one for one in watch(place, code=1)}
    assert {name: (one["source"], one["new"], one["rejected"]) for name, one in found.items()} == {
        "north/monday.csv": ("north", 1, 0),
        "south/a/b.jsonl": ("south", 1, 0),
        "north/notes.txt": ("north", 0, 1),
    }
    assert watch(place) == []
    said = watch(place, text=True)
    assert "no file there is new" in said
    assert f"{place}/stray.csv: not taken: it lies in no folder that names the plant" in said
    put("north/monday.csv", HEAD + row(1) + row(3))
    (again,) = watch(place)
    assert (again["new"], again["repeated"]) == (1, 1)
    assert sql.execute("SELECT count(*) FROM ground_truth").fetchone() == (3,)
    assert watch(f"s3://{bucket}/nothing/here") == []


def test_a_store_that_is_away_is_said(watch):
    assert "bucket no-such-bucket: " in watch("s3://no-such-bucket/x", code=1, text=True)
