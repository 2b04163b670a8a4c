"""The edge's commands as people run them: real store, real queue."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import psycopg
import pytest

from adapters.environment import read_settings
from adapters.queues import open_edge_queue
from adapters.settings import QueueSettings
from contracts.codec import decode_event
from contracts.names import SIGNATURE_HEADER
from contracts.signatures import derive_credential, read_token, verify
from contracts.truth import read_truth
from learning.truth.files import read_rows
from tests.makers import MASTER_KEY, a_jpeg


@pytest.fixture
def environment(stack, redis_url, tmp_path):
    addresses = stack.addresses
    return {
        "PATH": os.environ["PATH"],
        "QUEUE_URL": redis_url,
        "S3_ENDPOINT_URL": addresses.s3_endpoint,
        "S3_REGION": addresses.s3_region,
        "S3_BUCKET": addresses.s3_bucket,
        "AWS_ACCESS_KEY_ID": addresses.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": addresses.s3_secret_key,
        "WASTE_STATE_DIR": str(tmp_path / "state"),
    }


def waste(environment, *arguments, code=0):
    done = subprocess.run([sys.executable, "-m", "waste", *map(str, arguments)], env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done


def received(redis_url):
    from datetime import UTC, datetime

    queue = open_edge_queue(read_settings(QueueSettings, {"QUEUE_URL": redis_url}))
    messages = [one.message for one in queue.receive(1000, 0)]
    return [(decode_event(message.body, datetime.now(UTC)), message) for message in messages]


def test_a_bin_sends_its_pictures_and_counts_on(environment, redis_url, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(a_jpeg())
    key = derive_credential(MASTER_KEY, "bin-7").key.hex()
    settings = environment | {"DEVICE_CREDENTIAL": f"1:{key}"}
    ids = waste(settings, "send", photo, photo, "--sensor", "bin-7").stdout.split()
    ids += waste(settings, "send", photo, "--sensor", "bin-7").stdout.split()
    events = received(redis_url)
    assert [str(event.event_id) for event, _ in events] == ids
    assert sorted(event.sequence for event, _ in events) == [0, 1, 2]
    for event, message in events:
        assert verify(MASTER_KEY, "bin-7", message.body, message.headers[SIGNATURE_HEADER]) == 1
        assert event.image_url.startswith(f"s3://waste-images/bin-7/{event.captured_at:%Y/%m/%d}/")


def test_what_a_bin_lacks_is_said_in_one_line(environment, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(a_jpeg())
    assert "DEVICE_CREDENTIAL: is not set" in waste(environment, "send", photo, "--sensor", "bin-7", code=2).stderr
    bad = environment | {"DEVICE_CREDENTIAL": "1:xyz"}
    assert "its form is not generation:key" in waste(bad, "send", photo, "--sensor", "bin-7", code=2).stderr
    master = environment | {"DEVICE_MASTER_KEY": MASTER_KEY.hex()}
    assert "none.jpg cannot be read" in waste(master, "send", tmp_path / "none.jpg", "--sensor", "bin-7", code=2).stderr
    assert "sensor" in waste(master, "send", photo, "--sensor", "bin 7", code=2).stderr
    assert "DEVICE_MASTER_KEY" in waste(master | {"DEVICE_MASTER_KEY": "ab"}, "send", photo, "--sensor", "bin-7", code=2).stderr


def test_a_simulated_fleet_can_send_files_that_are_no_pictures(environment, redis_url, tmp_path):
    settings = environment | {"DEVICE_MASTER_KEY": MASTER_KEY.hex()}
    truth = tmp_path / "truth.jsonl"
    waste(settings, "simulate", "--rate", 0, "--events", 40, "--broken", 0.5, "--truth", truth, "--quiet")
    urls = [event.image_url for event, _ in received(redis_url)]
    broken = [url for url in urls if url.endswith(".bin")]
    assert len(urls) == 40
    assert 5 < len(broken) < 35
    assert len(truth.read_text().splitlines()) == 40 - len(broken)


def test_a_simulated_fleet_leaves_its_truth_and_its_accepted_ids(environment, redis_url, tmp_path):
    settings = environment | {"DEVICE_MASTER_KEY": MASTER_KEY.hex()}
    truth, accepted = tmp_path / "truth.jsonl", tmp_path / "accepted.txt"
    done = waste(
        settings, "simulate", "--bins", 4, "--rate", 0, "--events", 30, "--truth", truth, "--accepted", accepted, "--seed", 5
    )
    assert "30/30" in done.stderr
    events = {str(event.event_id): event for event, _ in received(redis_url)}
    assert set(accepted.read_text().split()) == set(events)
    rows = [json.loads(line) for line in truth.read_text().splitlines()]
    assert {row["event_id"] for row in rows} == set(events)
    assert all(events[row["event_id"]].sensor_id == row["sensor_id"] for row in rows)
    told = [read_truth(row, datetime.now(UTC), "north") for _, row in read_rows(truth)]  # a plant would tell the same
    assert {one.event_id: one.observed_at for one in told} == {event.event_id: event.captured_at for event in events.values()}
    assert {event.sensor_id for event in events.values()} <= {f"bin-{n}" for n in range(1, 5)}


def test_folders_tell_what_their_pictures_show(environment, redis_url, tmp_path):
    for folder in ("glass", "cardboard", "unknown"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        (tmp_path / "photos" / folder / "a.jpg").write_bytes(a_jpeg())
    truth = tmp_path / "truth.jsonl"
    settings = environment | {"DEVICE_MASTER_KEY": MASTER_KEY.hex()}
    waste(settings, "simulate", "--rate", 0, "--events", 9, "--images", tmp_path / "photos", "--truth", truth, "--quiet")
    shown = [json.loads(line)["category"] for line in truth.read_text().splitlines()]
    assert sorted(shown) == sorted(["glass", "paper"] * 3)  # of `unknown` nobody can tell
    empty = waste(settings, "simulate", "--images", tmp_path / "photos" / "none", code=2)
    assert "there is no picture in" in empty.stderr


def test_the_settings_in_force_are_shown_without_secrets(environment):
    settings = environment | {"DATABASE_URL": "postgresql://waste:geheim@db/waste", "DEVICE_MASTER_KEY": MASTER_KEY.hex()}
    shown = waste(settings, "config").stdout
    assert "geheim" not in shown
    assert MASTER_KEY.hex() not in shown
    assert environment["AWS_SECRET_ACCESS_KEY"] not in shown
    assert "DATABASE_URL=postgresql://********@db/waste" in shown
    assert "! DATABASE_URL: is not set" in waste(environment, "config", "worker", code=2).stdout


def test_a_devices_credential_is_printed_as_it_is_read(environment):
    settings = environment | {"DEVICE_MASTER_KEY": MASTER_KEY.hex()}
    shown = waste(settings, "device", "credential", "bin-7", "--generation", "3").stdout
    credential = derive_credential(MASTER_KEY, "bin-7", 3)
    assert shown == f"DEVICE_CREDENTIAL=3:{credential.key.hex()}\n"
    token = waste(settings, "device", "credential", "bin-7", "--generation", "3", "--token").stdout
    assert read_token(MASTER_KEY, token.strip().partition("=")[2]) == credential


def test_a_revocation_says_what_is_in_force_and_keeps_its_note(environment, database_url):
    environment = environment | {"DATABASE_URL": database_url}
    said = waste(environment, "device", "revoke", "bin-5", "--through", 3, "--note", "stolen").stdout
    assert "bin-5 up to generation 3" in said
    assert "bin-5 up to generation 3" in waste(environment, "device", "revoke", "bin-5").stdout
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT revoked_through, note FROM revocations WHERE sensor_id = 'bin-5'").fetchone()
    assert row == (3, "stolen")


def test_a_report_that_could_not_be_written_is_said_before_the_work(environment, tmp_path):
    said = waste(environment, "demo", "--exit", "--report", tmp_path / "none" / "r.json", code=2).stderr
    assert "there is no folder" in said
