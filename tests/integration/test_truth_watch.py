"""What plants put into the object store is taken once, and a file that is none holds up no other."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyarrow import parquet

from adapters.s3.deliveries import S3Deliveries
from adapters.s3.sigv4 import AwsKeys
from learning.truth.watching import PrefixWatch
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


def test_a_file_whose_names_no_ledger_can_hold_is_refused_and_holds_up_no_other(watch, stack, sql, tmp_path):
    bucket, store = stack.addresses.s3_bucket, s3(stack.seaweed)
    prefix = f"truth/{os.urandom(4).hex()}"
    long = pa.table({"sensor_id": ["bin-7"], "observed_at": ["2026-11-20"], "category": ["glass"], "a\0b": ["x" * 10_001]})
    parquet.write_table(long, tmp_path / "c.parquet")
    files = {"a/a.csv": b"sens\0or,observed_at,category\n", "a/c.parquet": (tmp_path / "c.parquet").read_bytes()}
    files |= {"a/d." + "x" * 250: b"", "b/b.csv": (HEAD + row(1)).encode()}
    for key, body in files.items():
        store.put_object(Bucket=bucket, Key=f"{prefix}/{key}", Body=body)
    found = {one["name"].partition(f"{prefix}/")[2].partition("#")[0]: one for one in watch(f"s3://{bucket}/{prefix}", code=1)}
    assert {name: (one["new"], one["rejected"]) for name, one in found.items()} == dict.fromkeys(files, (0, 1)) | {
        "b/b.csv": (1, 0)
    }
    assert "there is sens\\x00or" in found["a/a.csv"]["problems"][0]["problem"]
    assert found["a/c.parquet"]["problems"][0]["problem"] == "a\\x00b: is longer than 10000 bytes"
    assert watch(f"s3://{bucket}/{prefix}") == []


def test_a_folder_that_is_called_as_a_credential_is_no_second_plant(watch, stack, sql):
    bucket, store = stack.addresses.s3_bucket, s3(stack.seaweed)
    prefix = f"truth/{os.urandom(4).hex()}"
    for folder in ("north", "plant:north"):
        store.put_object(Bucket=bucket, Key=f"{prefix}/{folder}/a.csv", Body=(HEAD + row(1)).encode())
    assert "its labels are of the source 'north'" in watch(f"s3://{bucket}/{prefix}", code=1, text=True)
    assert sql.execute("SELECT source FROM ground_truth").fetchall() == [("north",)]


class Fleeting(S3Deliveries):
    """A bucket whose first file is gone by the time that it is fetched."""

    def files(self):
        found = sorted(super().files(), key=lambda file: file.key)
        self._client.delete_object(Bucket=self._bucket, Key=found[0].key)
        return iter(found)


def test_a_file_that_cannot_be_fetched_holds_up_no_other_and_is_tried_again(plant, stack):
    at, store = stack.addresses, s3(stack.seaweed)
    prefix = f"truth/{os.urandom(4).hex()}"
    for name in ("a", "b"):
        store.put_object(Bucket=at.s3_bucket, Key=f"{prefix}/north/{name}.csv", Body=(HEAD + row(1, reference=name)).encode())
    keys = AwsKeys(at.s3_access_key, at.s3_secret_key)
    deliveries = Fleeting(at.s3_bucket, prefix, endpoint_url=at.s3_endpoint, region=at.s3_region, keys=keys)
    gone, taken = PrefixWatch(deliveries, plant.truth, lambda: datetime.now(UTC)).take()
    assert (gone.rejected, taken.new) == (1, 1)
    assert "cannot be fetched now" in gone.problems[0].problem
    assert plant.truth.noted([gone.name, taken.name]) == {taken.name}


def test_a_store_that_is_away_is_said(watch):
    assert "bucket no-such-bucket: " in watch("s3://no-such-bucket/x", code=1, text=True)
