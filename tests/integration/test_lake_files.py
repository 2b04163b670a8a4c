"""What can be made of a snapshot's files: queries, folders to train with, the commands as people run them."""

import json
import re
import shutil

import duckdb
import pytest

from contracts.errors import SnapshotDamaged, SnapshotRefused
from contracts.lake import SnapshotKind
from learning.__main__ import main as learn
from learning.datasets import DatasetInvalid, Split, read_manifests
from learning.lake.layout import file_path, snapshot_key
from learning.lake.rebuilding import Rebuilder
from tests.conftest import REPOSITORY
from tests.training_data import a_picture

DOCUMENTED = re.search(r"(?s)```sql\n(.*?)```", (REPOSITORY / "docs" / "data-lake.md").read_text("utf-8")).group(1)


@pytest.fixture
def labelled(lake, tmp_path):
    """Eight labelled events of eight minutes; the last has no picture."""
    events = []
    for seed in range(8):
        data = a_picture(tmp_path / "pictures" / f"{seed}.jpg", seed).read_bytes() if seed < 7 else None
        events.append(lake.thrown(data, at=seed * 60))
        lake.people_say(events[-1], "plastic" if seed % 2 else "glass")
    return events


@pytest.fixture
def base(tmp_path):
    """A folder with a manifest, of which one picture is unreadable and one is none of the five."""
    folder = tmp_path / "base"
    rows = ["file,source,category,split,group,origin_split"]
    for number, (category, split, part) in enumerate(
        [("glass", "train", ""), ("paper", "val", ""), ("metal", "test", ""), ("other", "ood", "test"), ("plastic", "train", "")]
    ):
        a_picture(folder / f"{category}/{number}.jpg", number)
        rows.append(f"{category}/{number}.jpg,{'x/y' if number % 2 else 'x'},{category},{split},g{number},{part}")
    (folder / "plastic/4.jpg").write_bytes(b"no picture at all")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


def rebuilder(lake):
    from adapters.image_source import open_image_source

    return Rebuilder(lake.objects, lambda: open_image_source(lake.settings))


def test_the_documented_query_of_duckdb_reads_a_snapshot(lake, labelled, tmp_path, monkeypatch):
    odd = lake.thrown((tmp_path / "pictures" / "1.jpg").read_bytes(), at=3600)
    lake.plant_says(odd, "metal", source="north / 2:a.b")
    rebuilder(lake).rebuild(lake.snapshot(), tmp_path / "lake")
    monkeypatch.chdir(tmp_path)
    found = duckdb.sql(DOCUMENTED).fetchall()
    assert found == [("north / 2:a.b", "metal", 1, 0.0, 0), ("people", "glass", 4, 0.0, 0), ("people", "plastic", 4, 1.0, 1)]
    query = "SELECT octet_length(features), octet_length(thumbnail), captured_at FROM 'lake/*/*/*.parquet' WHERE problem = ''"
    assert {row[:2] for row in duckdb.sql(query).fetchall()} == {(2560, 3072)}


def test_the_table_for_athena_has_the_columns_of_the_files(lake, labelled, tmp_path, monkeypatch):
    rebuilder(lake).rebuild(lake.snapshot(), tmp_path / "lake")
    monkeypatch.chdir(tmp_path)
    text = (REPOSITORY / "docs" / "data-lake.md").read_text("utf-8")
    told = re.search(r"(?s)CREATE EXTERNAL TABLE items \((.*?)\)\n", text).group(1)
    types = {"VARCHAR": "string", "INTEGER": "int", "FLOAT": "float", "BLOB": "binary", "TIMESTAMP WITH TIME ZONE": "timestamp"}
    columns = duckdb.sql("DESCRIBE SELECT * FROM read_parquet('lake/*/*/*.parquet', hive_partitioning = false)").fetchall()
    assert [one.split() for one in told.replace("`", "").split(",")] == [[name, types[kind]] for name, kind, *_ in columns]


def test_a_snapshot_of_the_field_is_rebuilt_with_pictures_to_train_with(lake, labelled, tmp_path):
    snapshot = lake.snapshot()
    rebuilt = rebuilder(lake).rebuild(snapshot, tmp_path / "again", pictures=True)
    assert (rebuilt.items, rebuilt.unusable, rebuilt.lost) == (7, 1, [])
    samples = read_manifests([tmp_path / "again"])
    assert {sample.path.read_bytes() for sample in samples} == {
        (tmp_path / "pictures" / f"{seed}.jpg").read_bytes() for seed in range(7)
    }
    assert {sample.group for sample in samples} == {sample.group for sample in lake.read(snapshot).features.samples}
    assert {sample.split for sample in samples} <= {Split.TRAIN, Split.VAL, Split.TEST}


def test_pictures_that_are_gone_or_others_are_left_out_and_named(lake, labelled, tmp_path):
    snapshot = lake.snapshot()
    keys = [event.image_url.partition(f"{lake.settings.s3_bucket}/")[2] for event in labelled]
    lake.bucket.delete_object(Bucket=lake.settings.s3_bucket, Key=keys[0])
    lake.objects.put(keys[1], b"another", "image/jpeg")
    told = lake.waste_lake("rebuild", snapshot.snapshot_id, "--to", tmp_path / "again", "--pictures", code=1)
    assert "5 items in its manifest.csv, 1 had no usable picture" in told
    assert str(labelled[0].event_id) in told
    assert str(labelled[1].event_id) in told
    assert len(read_manifests([tmp_path / "again"])) == 5


@pytest.mark.parametrize("path", ["manifest.json", None])
def test_a_damaged_file_stops_a_rebuild(lake, labelled, tmp_path, path):
    snapshot = lake.snapshot()
    path = path or snapshot.manifest["files"][0]["path"]
    lake.objects.put(snapshot_key(snapshot.snapshot_id, path), b"{}", "application/octet-stream")
    with pytest.raises(SnapshotDamaged, match=re.escape(path)):
        rebuilder(lake).rebuild(snapshot, tmp_path / "again")
    assert not (tmp_path / "again" / "manifest.csv").exists()
    said = lake.waste_lake("rebuild", snapshot.snapshot_id, "--to", tmp_path / "more", code=1)
    assert "files are not what its manifest says" in said


def test_an_imported_folder_keeps_its_splits_groups_and_pictures(lake, base, tmp_path):
    snapshot = lake.imported(base)
    assert (snapshot.kind, snapshot.items) == (SnapshotKind.BASE, 5)
    assert snapshot.manifest["counts"]["problem"] == {"image_unreadable": 1}
    before = [sample for sample in read_manifests([base]) if sample.path.name != "4.jpg"]
    shutil.rmtree(base)
    items = lake.read(snapshot)
    facts = {(s.source, s.category, s.split, s.group, s.part, s.teaches_outliers) for s in items.features.samples}
    assert facts == {(s.source, s.category, s.split, s.group, s.part, s.teaches_outliers) for s in before}
    assert items.features.labels.tolist().count(-1) == 1
    rebuilder(lake).rebuild(snapshot, tmp_path / "again", pictures=True)
    again = read_manifests([tmp_path / "again"])
    assert {(s.path.name, s.category, s.split, s.part) for s in again} == {
        (s.path.name, s.category, s.split, s.part) for s in before
    }
    assert lake.imported(tmp_path / "again").manifest["counts"]["problem"] == {}


def test_a_folder_imported_twice_has_one_fingerprint(lake, base):
    assert lake.imported(base).fingerprint == lake.imported(base, "other").fingerprint
    (base / "manifest.csv").write_text((base / "manifest.csv").read_text().replace("metal,test", "metal,val"))
    assert lake.imported(base).fingerprint != lake.snapshots.newest(2)[1].fingerprint


def test_a_rebuilt_folder_is_trained_with(lake, rendered, tmp_path):
    snapshot = lake.imported(rendered)
    lake.waste_lake("rebuild", snapshot.snapshot_id, "--to", tmp_path / "again", "--pictures")
    options = ["--data", str(tmp_path / "again"), "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "m.onnx")]
    assert learn(["train", *options, "--drop-near-duplicates"]) == 0


def test_the_life_of_a_snapshot_by_hand(lake, labelled, base, tmp_path):
    assert "there are none" in lake.waste_lake("list")
    told = lake.waste_lake("snapshot")
    assert "8 items, 1 of them without a usable picture" in told
    assert "image_missing: 1" in told
    field = told.partition(":")[0]
    folder = json.loads(lake.waste_lake("import", base, "--name", "trashnet", "--json"))["snapshot_id"]
    lake.waste_lake("golden", folder)
    listed = lake.waste_lake("list")
    assert re.search(rf"{folder} +trashnet .* 5 +1 +golden", listed)
    assert re.search(rf"{field} +field ", listed)
    assert json.loads(lake.waste_lake("show", field))["counts"]["category"] == {"glass": 4, "plastic": 4}
    assert json.loads(lake.waste_lake("show", field, "--files"))["files"][0]["source"] == "people"
    assert "7 items in its manifest.csv" in lake.waste_lake("rebuild", field, "--to", tmp_path / "again")


def test_what_teaches_does_not_become_golden(lake, labelled, base):
    """A golden snapshot of the field would be copies of what teaches: no training would ever pass the gate."""
    field = lake.waste_lake("snapshot").partition(":")[0]
    assert "is of the field" in lake.waste_lake("golden", field, code=1)
    (base / "manifest.csv").write_text((base / "manifest.csv").read_text().replace(",test,", ",val,"))
    folder = lake.imported(base).snapshot_id
    assert "no picture of the split test" in lake.waste_lake("golden", folder, code=1)
    assert lake.snapshots.golden() is None


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (("show", "nothing"), "nothing is not there", 1),
        (("golden", "nothing"), "nothing is not there", 1),
        (("rebuild", "nothing", "--to", "x"), "nothing is not there", 1),
        (("snapshot",), "would hold nothing", 1),
        (("snapshot", "--since", "2026-05-02", "--until", "2026-05-01"), "is not after --since", 1),
        (("snapshot", "--since", "yesterday"), "is no time", 2),
        (("import", "/nowhere", "--name", "x"), "no such folder", 2),
        (("import", "/usr", "--name", "x"), "`waste learn manifest /usr` makes one", 2),
        (("import", "/nowhere", "--name", "a/b"), "is not 1 to 60 letters", 2),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(lake, arguments, said, code):
    assert said in lake.waste_lake(*arguments, code=code)


def test_a_folder_that_is_not_empty_is_left_alone(lake, labelled, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    with pytest.raises(SnapshotRefused, match="not empty"):
        rebuilder(lake).rebuild(lake.snapshot(), tmp_path / "mine")


def test_a_folder_without_a_manifest_is_refused(lake, tmp_path):
    with pytest.raises(DatasetInvalid, match=r"manifest\.csv"):
        lake.imported(tmp_path)


def test_no_source_climbs_out_of_its_folder():
    from datetime import date

    assert file_path(date(2026, 5, 1), "../../x", 0) == "date=2026-05-01/source=..%2F..%2Fx/items.parquet"
