"""Snapshots of the field: what is in them, what a bad picture does to them, and what a crash leaves."""

from collections import Counter
from datetime import timedelta

import numpy as np
import psycopg
import pytest

from adapters.onnx.model import OnnxFeatures
from adapters.pictures.pixels import PREPROCESSING, decode
from adapters.postgres.lake import PostgresSnapshots
from contracts.categories import Category
from contracts.errors import ObjectStoreUnavailable, SnapshotDamaged, SnapshotRefused
from learning.datasets import Split
from learning.duplicates import near_duplicates, thumbprints
from learning.export import read_backbone
from learning.feature_cache import digest_of
from learning.lake.__main__ import main
from learning.lake.layout import snapshot_key
from models import shipped_model
from tests.bad_images import bad_images
from tests.conftest import wait_for
from tests.plant_house import NOON
from tests.training_data import a_picture, a_sample


@pytest.fixture
def picture(tmp_path):
    """Bytes of a picture by its seed."""
    return lambda seed: a_picture(tmp_path / "pictures" / f"{seed}.jpg", seed).read_bytes()


@pytest.fixture
def labelled(lake, picture):
    """Three labelled events: by people, by a plant, by two plants."""
    events = [lake.thrown(picture(seed), at=seed * 100) for seed in range(3)]
    lake.people_say(events[0], "glass", sampling_probability=0.25)
    lake.plant_says(events[1], "paper")
    lake.plant_says(events[2], "metal", source="south")
    lake.plant_says(events[2], "metal", source="north")
    return events


def by_event(items):
    return {origin.event_id: (sample, origin) for sample, origin in zip(items.features.samples, items.origins, strict=True)}


def test_a_snapshot_says_what_each_event_was_and_who_says_so(lake, labelled):
    lake.sql.execute("INSERT INTO devices (sensor_id, site, generation) VALUES ('bin-7', 'harbour', 1)")
    snapshot = lake.snapshot()
    found = by_event(lake.read(snapshot))
    assert {sample.category for sample, _ in found.values()} == {Category.GLASS, Category.PAPER, Category.METAL}
    told = [(found[event.event_id][1].source, found[event.event_id][1].labels) for event in labelled]
    assert told == [("people", 1), ("north", 1), ("north+south", 2)]
    sample, origin = found[labelled[0].event_id]
    assert (sample.source, sample.split, sample.group) == ("field", Split.TRAIN, f"bin-7/{NOON:%Y-%m-%dT12:00}")
    assert (origin.sensor_id, origin.captured_at, origin.image_url) == ("bin-7", labelled[0].captured_at, labelled[0].image_url)
    assert (origin.decided, origin.kind, origin.model_version) == (Category.PLASTIC, "prediction", "m1")
    assert origin.confidence == pytest.approx(0.9)
    assert origin.sampling_probability == pytest.approx(0.25)
    assert found[labelled[1].event_id][1].sampling_probability is None
    assert snapshot.manifest["counts"]["source"] == {"north": 1, "north+south": 1, "people": 1}


def test_what_nobody_knows_is_not_in_it(lake, picture, labelled):
    contested, empty, unmatched = (lake.thrown(picture(9), at=at) for at in (1000, 2000, 3000))
    lake.plant_says(contested, "glass", source="north")
    lake.plant_says(contested, "paper", source="south")
    lake.people_say(contested, "glass")
    lake.people_say(empty, "empty")
    lake.plant.tell(3600, category="glass")
    lake.plant.join()
    assert set(by_event(lake.read(lake.snapshot()))) == {event.event_id for event in labelled}
    assert unmatched.event_id not in by_event(lake.read(lake.snapshot()))


def test_features_and_thumbprints_are_those_of_training(lake, labelled, tmp_path):
    items = lake.read(lake.snapshot())
    extract = OnnxFeatures.load(shipped_model()[0]).extract
    seeds = [labelled.index(next(e for e in labelled if e.event_id == origin.event_id)) for origin in items.origins]
    paths = [tmp_path / "pictures" / f"{seed}.jpg" for seed in seeds]
    wanted = np.concatenate([extract(decode(path.read_bytes())[np.newaxis]) for path in paths])
    np.testing.assert_allclose(items.features.values, wanted, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(items.prints(), thumbprints([a_sample(path, Split.TRAIN) for path in paths], decode))
    assert items.backbone == digest_of(read_backbone(shipped_model()[0], PREPROCESSING))
    assert items.preprocessing == PREPROCESSING


def test_near_duplicates_are_found_without_any_picture(lake, tmp_path):
    first, second = (
        lake.thrown(a_picture(tmp_path / f"{quality}.jpg", 1, quality=quality).read_bytes(), at=quality) for quality in (30, 90)
    )
    for event in (first, second):
        lake.people_say(event, "glass")
    items = lake.read(lake.snapshot())
    pairs = near_duplicates(items.features.samples, items.prints(), items.features.digests)
    assert {pair.first.path.name for pair in pairs} | {pair.second.path.name for pair in pairs} == {
        str(first.event_id),
        str(second.event_id),
    }


def test_unreadable_and_missing_images_are_counted_and_stop_nothing(lake, picture, labelled):
    reasons = Counter()
    for place, (_, data, reason) in enumerate(bad_images()):
        lake.people_say(lake.thrown(data, at=5000 + place), "glass")
        reasons[reason] += 1
    lake.people_say(lake.thrown(None, at=9000), "glass")
    foreign = lake.thrown(picture(5), at=9100)
    lake.sql.execute("UPDATE events SET image_url = 's3://not-ours/a.jpg' WHERE event_id = %s", (foreign.event_id,))
    lake.people_say(foreign, "glass")
    snapshot = lake.snapshot()
    assert snapshot.items == 3 + reasons.total() + 2
    assert snapshot.manifest["counts"]["problem"] == dict(reasons) | {"image_missing": 1, "url_blocked": 1}
    items = lake.read(snapshot)
    assert len(items.features.samples) == 3
    assert items.problems == reasons + Counter(image_missing=1, url_blocked=1)


def test_one_state_has_one_fingerprint_and_its_pictures_are_not_fetched_twice(lake, labelled):
    first = lake.snapshot()
    for event in labelled:
        lake.bucket.delete_object(Bucket=lake.settings.s3_bucket, Key=event.image_url.partition(f"{lake.settings.s3_bucket}/")[2])
    second = lake.snapshot()
    assert first.fingerprint == second.fingerprint
    assert first.snapshot_id != second.snapshot_id
    assert not second.manifest["counts"]["problem"]
    np.testing.assert_array_equal(lake.read(first).features.values, lake.read(second).features.values)


def test_a_late_label_changes_the_new_snapshot_alone(lake, labelled, picture):
    before = lake.snapshot()
    old = lake.read(before)
    late = lake.thrown(picture(7), at=50)
    lake.plant_says(late, "organic")
    lake.plant_says(labelled[0], "paper")
    after = lake.snapshot()
    assert before.fingerprint != after.fingerprint
    assert by_event(lake.read(after))[labelled[0].event_id][0].category is Category.PAPER
    assert late.event_id in by_event(lake.read(after))
    again = lake.read(before)
    assert again.features.samples == old.features.samples
    assert again.origins == old.origins


def test_what_a_sick_camera_saw_is_not_in_it(lake, labelled):
    since, until = NOON + timedelta(seconds=50), NOON + timedelta(seconds=150)
    lake.sql.execute(
        """INSERT INTO alerts (kind, subject, resolved_at, evidence)
        VALUES ('sensor_faulty', 'bin-7', %s, jsonb_build_object('since', %s::text))""",
        (until, since.isoformat()),
    )
    assert set(by_event(lake.read(lake.snapshot()))) == {labelled[0].event_id, labelled[2].event_id}


def test_a_window_takes_what_was_captured_in_it(lake, labelled):
    snapshot = lake.snapshot(since=NOON + timedelta(seconds=100), until=NOON + timedelta(seconds=200))
    assert set(by_event(lake.read(snapshot))) == {labelled[1].event_id}
    with pytest.raises(SnapshotRefused, match="would hold nothing"):
        lake.snapshot(until=NOON)


def test_a_picture_that_comes_later_is_in_the_next_snapshot(lake, picture):
    event = lake.thrown(None)
    lake.people_say(event, "glass")
    assert not lake.read(lake.snapshot()).features.samples
    lake.objects.put(event.image_url.partition(f"{lake.settings.s3_bucket}/")[2], picture(1), "image/jpeg")
    assert len(lake.read(lake.snapshot()).features.samples) == 1


def test_a_crash_between_files_and_entry_leaves_no_snapshot_and_the_next_is_unharmed(lake, labelled, database_url):
    before = set(lake.keys())
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE snapshots IN EXCLUSIVE MODE")
        running = lake.command("snapshot")
        wait_for(lambda: any(key.endswith("manifest.json") for key in set(lake.keys()) - before), 60, "the manifest")
        running.kill()
        running.communicate()
        # What waits at the lock would be done once it is free, though nobody is there to hear it.
        query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'waste-lake'"
        wait_for(lambda: lake.sql.execute(query).fetchone() == (0,), 10, "the end of its connections")
    assert lake.snapshots.newest(5) == []
    left = set(lake.keys()) - before
    snapshot = lake.snapshot()
    assert [one.snapshot_id for one in lake.snapshots.newest(5)] == [snapshot.snapshot_id]
    assert len(lake.read(snapshot).features.samples) == 3
    assert left.isdisjoint(lake.keys(snapshot.snapshot_id))


def test_a_file_that_was_changed_or_is_gone_is_never_read(lake, labelled):
    snapshot = lake.snapshot()
    first, second, _ = snapshot.manifest["files"]
    key = snapshot_key(snapshot.snapshot_id, first["path"])
    body = lake.objects.get(key, 10**6)
    lake.objects.put(key, body[:-20] + bytes([body[-20] ^ 1]) + body[-19:], "application/octet-stream")
    with pytest.raises(SnapshotDamaged, match="has the SHA-256"):
        lake.read(snapshot)
    lake.objects.put(key, body, "application/octet-stream")
    lake.bucket.delete_object(Bucket=lake.settings.s3_bucket, Key=snapshot_key(snapshot.snapshot_id, second["path"]))
    with pytest.raises(SnapshotDamaged, match="NoSuchKey"):
        lake.read(snapshot)
    # What is damaged there is looked at again, and a new snapshot is whole.
    assert lake.snapshot().fingerprint == snapshot.fingerprint


def test_a_store_that_is_away_is_no_picture_s_fault(lake, labelled, monkeypatch):
    gone = lake.settings.model_copy(update={"s3_endpoint_url": "http://127.0.0.1:1"})
    monkeypatch.setattr(lake, "settings", gone)
    with pytest.raises(ObjectStoreUnavailable):
        lake.snapshot()
    assert lake.snapshots.newest(5) == []


def test_one_snapshot_is_golden_and_no_other(lake, labelled):
    first, second = lake.snapshot(), lake.snapshot()
    for snapshot in (first, second, second):
        lake.snapshots.make_golden(snapshot.snapshot_id)
        assert lake.snapshots.golden().snapshot_id == snapshot.snapshot_id
    with pytest.raises(SnapshotRefused, match="is not there"):
        lake.snapshots.make_golden("nothing")
    assert [one.golden for one in lake.snapshots.newest(5)] == [True, False]


def test_no_role_changes_a_snapshot(lake, labelled):
    lake.snapshot()
    for statement in ("UPDATE snapshots SET fingerprint = ''", "DELETE FROM snapshots"):
        with lake.pool.connection() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
    assert len(PostgresSnapshots(lake.pool).newest(5)) == 1


def test_a_database_without_a_login_is_said_in_a_line(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        main(["show"])
    assert "the following arguments are required: ID" in capsys.readouterr().err
