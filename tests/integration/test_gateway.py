"""The gateway: what it takes, what it refuses, what it answers, over real services."""

import json
import time
from datetime import UTC, datetime

import httpx2 as httpx
import pytest

from adapters.environment import read_settings
from adapters.http.gateway_door import GatewayDoor, Speaker
from adapters.settings import TraceSettings
from adapters.telemetry.traces import open_traces
from contracts.codec import encode_event
from contracts.names import OutcomeKind
from contracts.signatures import derive_credential, device_token
from contracts.traces import PUBLISHED, ROOT, is_kept, span_id, traceparent
from tests.collector import Collector
from tests.gateway_house import GatewayHouse, signed
from tests.makers import MASTER_KEY, a_jpeg


@pytest.fixture
def gateway(stack, database_url, redis_url, tmp_path):
    house = GatewayHouse(stack, database_url, redis_url, tmp_path)
    yield house
    house.close()


def test_an_event_is_taken_drained_and_answered(gateway):
    device = gateway.client()
    event, document = gateway.event()
    taken = device.post("/v1/events", json=document)
    assert (taken.status_code, taken.json()) == (202, {"event_id": str(event.event_id), "state": "accepted"})
    assert taken.headers["location"] == f"/v1/events/{event.event_id}"
    assert device.get(taken.headers["location"]).json()["state"] == "accepted"
    assert gateway.drain.take_one()
    assert device.get(taken.headers["location"]).json()["state"] == "open"
    gateway.decide(event)
    found = device.get(taken.headers["location"]).json()
    assert (found["state"], found["outcome"], found["category"]) == ("decided", "prediction", "plastic")


def test_the_same_event_again_is_200_and_lies_on_the_queue_once(gateway):
    device = gateway.client()
    _, document = gateway.event()
    assert [device.post("/v1/events", json=document).status_code for _ in range(3)] == [202, 200, 200]
    assert gateway.edge.depth().total == 1
    other = device.post("/v1/events", json=document | {"sequence": 5})
    assert (other.status_code, other.json()["type"]) == (409, "urn:waste-fleet:problem:event-conflict")


def test_another_gateway_knows_by_the_ledger_that_it_came_before(gateway, stack, database_url, redis_url, tmp_path):
    _, document = gateway.event()
    gateway.client().post("/v1/events", json=document)
    gateway.drain.take_one()
    second = GatewayHouse(stack, database_url, redis_url, tmp_path)
    assert second.client().post("/v1/events", json=document).status_code == 200
    second.close()


def test_a_devices_own_signature_is_enough_and_goes_on_as_it_is(gateway):
    event, _ = gateway.event(sensor_id="bin-9")
    body, signature = signed(event)
    headers = {"content-type": "application/json", "signature": signature}
    assert httpx.post(f"{gateway.url}/v1/events", content=body, headers=headers).status_code == 202
    (received,) = gateway.edge.receive(10, 0)
    assert (received.message.body, received.message.headers["signature"]) == (body, signature)
    wrong = httpx.post(f"{gateway.url}/v1/events", content=body.replace(b"bin-9", b"bin-8"), headers=headers)
    assert (wrong.status_code, wrong.json()["type"]) == (401, "urn:waste-fleet:problem:not-signed")


def test_in_a_batch_each_event_has_its_own_fate_in_its_place(gateway):
    events = [gateway.event()[1] for _ in range(3)]
    foreign, _ = gateway.event(sensor_id="bin-8")
    body, signature = signed(foreign)
    batch = [
        events[0],
        events[1] | {"sequence": -1},
        events[0],
        {"body": body.decode(), "signature": signature},
        events[2] | {"image_url": "s3://elsewhere/a.jpg"},
        events[2] | {"sensor_id": "bin-8"},
        7,
        events[2] | {"captured_at": "2001-01-01T00:00:00Z"},
    ]
    answer = gateway.client().post("/v1/events", json={"events": batch})
    assert answer.status_code == 207
    results = answer.json()["results"]
    assert [one["status"] for one in results] == [202, 422, 200, 403, 403, 403, 422, 409]
    assert results[1]["problem"]["field"] == "sequence"
    assert results[3]["problem"]["field"] == "sensor_id"
    assert gateway.edge.depth().total == 1
    unsigned = httpx.post(f"{gateway.url}/v1/events", json={"events": batch[3:4]})
    assert unsigned.json() == {"results": [{"status": 202, "event_id": str(foreign.event_id)}]}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 422, "not JSON"),
        (b"[]", 422, "not a JSON object"),
        (b'{"events": []}', 422, "1 to 500"),
        (b'{"events": [1], "more": 2}', 422, "1 to 500"),
        (b'{"sensor_id": "a", "sensor_id": "b"}', 422, "given twice"),
        (b"[" * 4000, 422, "nested deeper"),
        (b'{"a": "' + b"x" * 9000 + b'"}', 422, "bytes long"),
        (b'{"a": "' + b"x" * 6_000_000 + b'"}', 413, "at most 5242880"),
        (b"\xff", 422, "not UTF-8"),
    ],
)
def test_a_body_that_cannot_be_read_is_said(gateway, body, status, said):
    answer = gateway.client().post("/v1/events", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


def test_who_proves_no_identity_gets_nowhere(gateway):
    _, document = gateway.event()
    for headers in (
        {},
        {"authorization": "Bearer x"},
        {"authorization": "Basic YTpi"},
        {"authorization": "Bearer v1.MTpiaW4tNw.00"},
    ):
        for method, path in (
            ("POST", "/v1/events"),
            ("POST", "/v1/uploads"),
            ("POST", "/predict"),
            ("GET", f"/v1/events/{document['event_id']}"),
        ):
            answer = httpx.request(method, gateway.url + path, json=document if method == "POST" else None, headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="waste-fleet"')
    assert gateway.edge.depth().total == 0


def test_an_event_is_shown_to_its_own_sensor_alone(gateway):
    event, document = gateway.event()
    gateway.client().post("/v1/events", json=document)
    other = gateway.client("bin-8")
    assert other.get(f"/v1/events/{event.event_id}").status_code == 404
    gateway.drain.take_one()
    assert other.get(f"/v1/events/{event.event_id}").status_code == 404


def test_a_picture_is_put_where_the_gateway_says_and_nowhere_else(gateway):
    event, _ = gateway.event()
    image = a_jpeg()
    wanted = {"sensor_id": "bin-7", "event_id": str(event.event_id), "size_bytes": len(image), "content_type": "image/jpeg"}
    place = gateway.client().post("/v1/uploads", json=wanted).json()
    assert place["image_url"].startswith(f"s3://{gateway.settings.s3_bucket}/bin-7/")
    put = httpx.put(place["url"], content=image, headers={"content-type": "image/jpeg"})
    assert put.status_code == 200
    for body, kind, url in (
        (image + b"x", "image/jpeg", place["url"]),
        (image, "text/html", place["url"]),
        (image, "image/jpeg", place["url"].replace("/bin-7/", "/bin-8/")),
    ):
        assert httpx.put(url, content=body, headers={"content-type": kind}).status_code == 403
    assert gateway.client().post("/v1/uploads", json=wanted | {"sensor_id": "bin-8"}).status_code == 403
    assert gateway.client().post("/v1/uploads", json=wanted | {"size_bytes": 20_000_000}).status_code == 422


def test_predict_answers_as_the_service_before_did(gateway):
    wanted = {"image_url": f"s3://{gateway.settings.s3_bucket}/a.jpg", "sensor_id": "bin-7"}
    with gateway.working():
        began = time.monotonic()
        answer = gateway.client().post("/predict", json=wanted)
    assert answer.status_code == 200, answer.text
    assert time.monotonic() - began < 4
    assert {"prediction": "plastic", "needs_review": False}.items() <= answer.json().items()
    assert {"confidence_score", "processing_time_ms"} < answer.json().keys()
    later = gateway.client().post("/predict?wait=0.1", json=wanted)
    assert (later.status_code, later.headers["location"].startswith("/v1/events/")) == (202, True)
    assert gateway.client().post("/predict", json=wanted | {"image_url": "https://evil.example/a"}).status_code == 403


def test_review_and_failure_are_told(gateway):
    device = gateway.client()
    for kind, reason in ((OutcomeKind.REVIEW, "low_confidence"), (OutcomeKind.FAILURE, "image_missing")):
        event, document = gateway.event()
        device.post("/v1/events", json=document)
        gateway.drain.take_one()
        gateway.decide(event, kind=kind)
        found = device.get(f"/v1/events/{event.event_id}?wait=5").json()
        assert (found["outcome"], found["reason"]) == (kind.value, reason)


def test_a_device_says_that_it_is_there_and_is_told_the_time(gateway):
    made = {"sensor_id": "bin-7", "next_sequence": 12, "report": {"spool": 3, "firmware": "1.2", "door": True}}
    told = gateway.client().post("/v1/contacts", json=made)
    assert (told.status_code, told.json()["share"]) == (200, 1.0)
    assert abs((datetime.fromisoformat(told.json()["time"]) - datetime.now(UTC)).total_seconds()) < 5
    assert gateway.client().post("/v1/contacts", json=made | {"sensor_id": "bin-8"}).status_code == 403
    assert gateway.client().post("/v1/contacts", json=made | {"report": {"x": "a\x00"}}).status_code == 422


def test_it_is_healthy_and_counts(gateway):
    answer = httpx.get(f"{gateway.url}/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "healthy"
    assert httpx.get(f"{gateway.url}/health/ready").text == "ok\n"
    assert 'waste_gateway_requests_total{route="/health",status="200"}' in httpx.get(f"{gateway.url}/metrics").text
    assert httpx.get(f"{gateway.url}/docs").status_code == 200
    described = json.loads(httpx.get(f"{gateway.url}/openapi.json").text)
    under_v1 = {f"/v1/{path}" for path in ("events", "uploads", "events/{event_id}", "contacts", "ground-truth")}
    assert set(described["paths"]) == under_v1 | {"/predict", "/health"}
    missing = httpx.get(f"{gateway.url}/nothing")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    wrong = httpx.put(f"{gateway.url}/v1/events")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


def test_a_report_that_no_json_can_hold_is_refused_by_name(gateway):
    body = b'{"sensor_id": "bin-7", "next_sequence": 1, "report": {"volts": 1e400}}'
    answer = gateway.client().post("/v1/contacts", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["field"].startswith("report.volts")) == (422, True)


def test_a_traceparent_goes_on_with_its_event_and_what_is_none_does_not(gateway):
    device, headers = gateway.client(), {}
    for said in (f"00-{'a' * 32}-{'b' * 16}-00", "00-none", None):
        event, document = gateway.event()
        given = {} if said is None else {"traceparent": said}
        assert device.post("/v1/events", json=document, headers=given).status_code == 202
        headers |= {str(event.event_id): said}
    came = {json.loads(one.message.body)["event_id"]: one.message.headers.get("traceparent") for one in gateway.edge.receive(10, 0)}
    assert came == {event_id: said if said and len(said) == 55 else None for event_id, said in headers.items()}


def test_a_gateway_that_is_traced_is_the_parent_of_what_intake_does(stack, database_url, redis_url, tmp_path):
    collector = Collector()
    traces = open_traces(read_settings(TraceSettings, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}), "gateway")
    house = GatewayHouse(stack, database_url, redis_url, tmp_path, traces)
    one, other = house.event(), house.event()
    device = house.client()
    assert (
        device.post("/v1/events", json=one[1], headers={"traceparent": traceparent(one[0].event_id, PUBLISHED)}).status_code == 202
    )
    assert device.post("/v1/events", json={"events": [other[1]]}).status_code == 202
    came = {json.loads(received.message.body)["event_id"]: received.message.headers for received in house.edge.receive(10, 0)}
    house.close()
    for event, parent in ((one[0], PUBLISHED), (other[0], ROOT)):
        (span,) = collector.of(event.event_id)
        assert (span.name, span.service) == ("forward event", "waste-gateway")
        assert span.parent_id == f"{span_id(event.event_id, parent):016x}"
        assert came[str(event.event_id)]["traceparent"].split("-")[1:3] == [span.trace_id, span.span_id]
    collector.close()


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_the_events_of_a_bin_that_is_traced_hang_on_its_own_steps_in_a_batch_too(gateway, share):
    credential = derive_credential(MASTER_KEY, "bin-7")
    speaker = Speaker("bin-7", device_token(credential), credential)

    def stamp(event_id):
        return {"traceparent": traceparent(event_id, PUBLISHED)} if is_kept(event_id, share) else {}

    door = GatewayDoor(gateway.url, speaker, lambda at_s, error_s: None, stamp=stamp)
    events = [gateway.event()[0] for _ in range(8)]
    assert all(fate.taken for fate in door.send([encode_event(event) for event in events]))
    came = {json.loads(one.message.body)["event_id"]: one.message.headers.get("traceparent") for one in gateway.edge.receive(10, 0)}
    for event in events:
        if is_kept(event.event_id, share):
            assert came[str(event.event_id)] == traceparent(event.event_id, PUBLISHED)
