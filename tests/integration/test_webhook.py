"""Alerts over HTTP, to listeners that lie, drip, hang and lead elsewhere."""

import json
import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from adapters.http.webhook import Webhook
from contracts.alerts import Alert
from contracts.errors import AlertNotTold
from tests.integration.test_transfers import drip, flood, server  # noqa: F401 - the fixture

ALERT = Alert(uuid4(), "accuracy_fell", "", datetime.now(UTC), {"labels": 7}, None)


def told(url):
    started = time.monotonic()
    try:
        Webhook(url, timeout_s=1.0).tell(ALERT)
    finally:
        assert time.monotonic() - started < 3


def always_to_come(line):
    while True:
        line.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.01)


def test_an_alert_is_posted_as_json(server):  # noqa: F811
    listener = server(lambda line: line.sendall(b"HTTP/1.1 204 No Content\r\n\r\n"))
    told(listener.url)
    head, _, body = listener.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /a.jpg ")
    assert b"content-type: application/json" in head
    assert json.loads(body)["evidence"] == {"labels": 7}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_nobody_counts_as_told(server, status):  # noqa: F811
    elsewhere = server(lambda line: line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    answer = f"HTTP/1.1 {status} X\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n".encode()
    with pytest.raises(AlertNotTold, match=f"status {status}"):
        told(server(lambda line: line.sendall(answer)).url)
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "answer", [drip, always_to_come, lambda line: time.sleep(5), lambda line: line.sendall(b"\0\xff no HTTP\r\n")]
)
def test_whatever_the_other_side_does_ends_by_the_deadline_and_is_tried_again(server, answer):  # noqa: F811
    with pytest.raises(AlertNotTold):
        told(server(answer).url)


def test_an_answer_without_end_is_an_answer(server):  # noqa: F811
    told(server(flood).url)


def test_an_address_that_is_none_is_said_without_its_token():
    for url in ("http://127.0.0.1:1/secret", "http://hook.invalid/secret", "http://127.0.0.1/\u00fcsecret"):
        with pytest.raises(AlertNotTold) as failed:
            told(url)
        assert "secret" not in str(failed.value)
