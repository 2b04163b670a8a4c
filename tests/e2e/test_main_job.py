"""From an event on the edge queue to one outcome: real processes, real services, the shipped model."""

import json
import re
import subprocess
import sys
import urllib.request

import pytest

from adapters.onnx.model import OnnxClassifier
from contracts.ids import uuid7
from contracts.names import OUT_OF_DISTRIBUTION
from intake.fleet import main as fleet_command
from models import shipped_model
from tests.bad_events import bad_events
from tests.bad_images import bad_images
from tests.conftest import wait_for
from tests.makers import a_message, an_event


def test_every_accepted_event_ends_in_one_outcome_and_most_are_right(outside, pictures):
    ids = outside.send([image for image, _ in pictures])
    outcomes = outside.await_outcomes(ids)
    assert {kind for kind, _ in outcomes.values()} <= {"prediction", "review"}
    assert outside.audit() == (set(), 0, 0)
    rows = outside.query("SELECT plastic + paper + glass + metal + organic, processing_time_ms, outlier_score FROM predictions")
    assert all(abs(total - 1) < 0.01 and took > 0 and 0 <= outlier_score <= 1 for total, took, outlier_score in rows)
    assert sum(1 for kind, _ in outcomes.values() if kind == "prediction") >= 0.7 * len(ids)


def test_what_the_model_is_unsure_of_waits_for_people(outside, pictures):
    ids = outside.send([noise_picture(seed) for seed in range(12)])
    outcomes = outside.await_outcomes(ids)
    unsure = [event_id for event_id, (kind, _) in outcomes.items() if kind == "review"]
    assert unsure
    wait_for(
        lambda: outside.query("SELECT count(*) FROM review_items WHERE event_id = ANY(%s)", unsure)[0][0] == len(unsure),
        what="the review items",
    )
    rows = outside.query(
        "SELECT o.reason, p.confidence, p.outlier_score, r.outlier_score FROM outcomes o JOIN predictions p USING (event_id)"
        " JOIN review_items r USING (event_id) WHERE event_id = ANY(%s)",
        unsure,
    )
    limit = OnnxClassifier.load(*shipped_model()).outlier_threshold
    assert len(rows) == len(unsure)
    assert all(
        score == told and (score > limit if reason == OUT_OF_DISTRIBUTION else confidence < 0.75 and score <= limit)
        for reason, confidence, score, told in rows
    )


def noise_picture(seed):
    import io

    import numpy as np
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (90, 120, 3), np.uint8)).save(file, "JPEG")
    return file.getvalue()


def test_a_hundred_bad_events_end_each_in_one_failure_while_good_ones_flow(outside, pictures):
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    bad = bad_events(now)
    assert len(bad) >= 95
    before = {event_id for (event_id,) in outside.query("SELECT event_id FROM outcomes WHERE reason = 'event_invalid'")}
    for number, (_, body, _) in enumerate(bad):
        outside.publish(body)
        if number % 10 == 0:
            outside.send([pictures[0][0]])
    forged = [a_message(an_event(now), b"z" * 32) for _ in range(3)]
    altered = a_message(an_event(now), outside.master_key)
    outside.edge.publish([*forged, type(altered)(altered.body.replace(b"a.jpg", b"b.jpg"), altered.headers)])
    outside.publish(bytes(a_message(an_event(now)).body), signature="")
    distinct = len({body for _, body, _ in bad})
    wait_for(lambda: len(invalid(outside) - before) >= distinct, what=f"{distinct} refusals")
    wait_for(lambda: refused(outside, "signature_invalid") == 5, what="the forged ones")
    outside.await_outcomes(outside.accepted)
    assert outside.audit() == (set(), 0, 0)
    wait_for(
        lambda: outside.query("SELECT count(*) FROM failures WHERE reason = 'event_invalid'")[0][0] >= distinct,
        what="failures filed",
    )
    assert set(outside.fleet.role_names()) <= set(outside.fleet.supervisor.alive())


def invalid(outside):
    return {event_id for (event_id,) in outside.query("SELECT event_id FROM outcomes WHERE reason = 'event_invalid'")}


def refused(outside, reason):
    return outside.query("SELECT count(*) FROM outcomes WHERE reason = %s", reason)[0][0]


def test_fifty_bad_images_end_each_for_their_reason_while_good_ones_flow(outside, pictures):
    expected = {}
    for name, data, reason in bad_images():
        if len(data) > 1_000_000 and reason == "image_too_large":
            continue
        (event_id,) = outside.send([data])
        expected[event_id] = (name, reason)
    good = outside.send([image for image, _ in pictures[:20]])
    final = {event_id: reason for event_id, (_, reason) in expected.items() if reason != "image_truncated"}
    outcomes = outside.await_outcomes([*final, *good], 90)
    assert {event_id: outcomes[event_id][1] for event_id in final} == final
    assert {outcomes[event_id][0] for event_id in good} <= {"prediction", "review"}
    late = [event_id for event_id, (_, reason) in expected.items() if reason == "image_truncated"]
    rows = outside.query("SELECT last_reason FROM events WHERE event_id = ANY(%s)", late)
    assert {reason for (reason,) in rows} == {"image_truncated"}
    outside.query(
        "UPDATE events SET attempts = 4, available_at = now(), woken_at = now() - interval '1 s' WHERE event_id = ANY(%s) RETURNING 1",
        late,
    )
    assert set(outside.await_outcomes(late).values()) == {("failure", "image_truncated")}
    assert set(outside.fleet.role_names()) <= set(outside.fleet.supervisor.alive())


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://other-bucket/a.jpg", "url_blocked"),
        ("https://169.254.169.254/latest/meta-data", "url_blocked"),
        ("http://waste-images/a.jpg", "url_blocked"),
    ],
)
def test_an_event_that_points_elsewhere_is_never_work(outside, url, reason):
    claimed = str(outside.send_url(url))
    wait_for(
        lambda: outside.query(
            "SELECT 1 FROM outcomes WHERE reason = %s AND dead_letter->'claimed'->>'event_id' = %s", reason, claimed
        ),
        what="the refusal",
    )
    assert outside.query("SELECT count(*) FROM events WHERE event_id = %s", claimed)[0][0] == 0


def test_an_upload_that_comes_late_is_waited_for(outside, pictures):
    key = f"late/{uuid7(__import__('datetime').datetime.now(__import__('datetime').UTC), b'0123456789')}.jpg"
    event_id = outside.send_url(f"s3://waste-images/{key}")
    wait_for(
        lambda: outside.query("SELECT last_reason FROM events WHERE event_id = %s", event_id) == [("image_missing",)],
        what="the first try",
    )
    outside.objects.put(key, pictures[0][0], "image/jpeg")
    assert outside.await_outcomes([event_id])[event_id][0] in {"prediction", "review"}


def test_a_duplicate_counts_once_and_a_conflict_is_recorded(outside, pictures):
    event = an_event(image_url="s3://waste-images/none.jpg")
    first = a_message(event, outside.master_key)
    other = a_message(event.model_copy(update={"sequence": 5}), outside.master_key)
    outside.edge.publish([first, first, first])
    wait_for(lambda: outside.query("SELECT 1 FROM events WHERE event_id = %s", event.event_id), what="the event")
    outside.edge.publish([first, other])
    wait_for(lambda: outside.query("SELECT 1 FROM event_conflicts WHERE event_id = %s", event.event_id), what="the conflict")
    assert outside.query("SELECT count(*), min(sequence) FROM events WHERE event_id = %s", event.event_id) == [(1, 0)]
    outside.query(
        "UPDATE events SET attempts = 4, available_at = now(), woken_at = now() - interval '1 s' WHERE event_id = %s RETURNING 1",
        event.event_id,
    )
    outside.await_outcomes([event.event_id])


def test_a_revoked_credential_is_refused_within_five_seconds(outside, fleet):
    environment = fleet.environment("intake")
    subprocess.run([sys.executable, "-m", "waste", "device", "revoke", "bin-99"], env=environment, check=True)
    wait_for(
        lambda: (
            outside.publish(a_message(an_event(sensor_id="bin-99"), outside.master_key).body, sensor_id="bin-99")
            or refused(outside, "credential_revoked")
        ),
        5,
        "the refusal",
    )


def test_each_role_tells_of_its_health_and_its_figures(fleet):
    for name, port in fleet.health_ports.items():
        for path in ("live", "ready"):
            assert urllib.request.urlopen(f"http://127.0.0.1:{port}/health/{path}", timeout=5).status == 200, name
    worker = urllib.request.urlopen(f"http://127.0.0.1:{fleet.health_ports['worker-1']}/metrics", timeout=5).read().decode()
    assert "waste_outcomes_total{" in worker
    assert 'waste_stage_seconds_bucket{le="0.01",stage="decode"}' in worker


def test_the_dead_letter_commands_show_what_is_there(fleet):
    def dlq(*arguments):
        command = [sys.executable, "-m", "waste", "dlq", *arguments]
        return subprocess.run(command, env=fleet.environment("review"), capture_output=True, text=True, check=True).stdout

    import json

    depth = json.loads(dlq("depth", "--json"))
    assert depth["review"]["low_confidence"] >= 1
    (first, *_) = json.loads(dlq("list", "--json", "--limit", "1"))
    assert json.loads(dlq("show", first["event_id"]))["scores"]
    assert "image_unreadable" in dlq("list", "--lane", "failures", "--reason", "image_unreadable")


def test_workers_say_how_fast_they_are_and_intake_tells_the_backlog_to_prometheus(outside, pictures, fleet, capsys, monkeypatch):
    outside.await_outcomes(outside.send([image for image, _ in pictures]))

    def measured():
        rows = outside.query("SELECT decided_last_minute, events_per_s FROM workers WHERE decided_last_minute > 0")
        return rows and all(events_per_s > 1 for _, events_per_s in rows)

    wait_for(measured, what="a worker's measure of itself")
    for name, value in fleet.environment("intake").items():
        monkeypatch.setenv(name, value)
    assert fleet_command(["status", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["on_edge_queue"] is not None
    assert said["flow"]["out_1m"] > 0
    assert said["load"]["worker_events_per_s"] > 1

    def told():
        page = urllib.request.urlopen(f"http://127.0.0.1:{fleet.health_ports['intake']}/metrics", timeout=5).read().decode()
        found = dict(re.findall(r"(?m)^(waste_(?:backlog|workers)[a-z_]*) (\S+)$", page))
        return found if float(found.get("waste_workers_needed", 0)) > 0 else None

    found = wait_for(told, what="the load on intake's page")
    assert float(found["waste_workers"]) >= 1
    assert float(found["waste_backlog_seconds"]) >= 0
