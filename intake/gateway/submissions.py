"""From what a device sends to events that may be published, each checked as intake will check it again."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from contracts.codec import decode_event, encode_event, read_claims
from contracts.errors import EventInvalid, FleetError, SignatureInvalid
from contracts.events import ItemCaptured
from contracts.image_urls import UrlRule, locate
from contracts.messages import Message
from contracts.names import SIGNATURE_HEADER, TRACE_HEADER
from contracts.signatures import Credential, sign
from contracts.traces import PUBLISHED, is_traceparent, traceparent
from intake.gateway.problems import INVALID, NOT_YOURS, Problem, problem_of
from intake.gateway.speakers import Speakers

MOST_EVENTS = 500


@dataclass(frozen=True, slots=True)
class Submission:
    """An event that passed every check, as it goes to the queue; `digest` is the SHA-256 of its body.

    `traceparent` is what its request said of traces: a stranger's word, which decides nothing.
    """

    event_id: UUID
    sensor_id: str
    message: Message
    digest: bytes
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads events of one request; `bearer` is whose token it came with."""

    speakers: Speakers
    urls: UrlRule
    bearer: Credential | None
    now: datetime

    def one(self, body: bytes, signature: str | None, header: str | None = None) -> Submission | Problem:
        """Return the event of a body, or what is wrong with it; who proves no identity is told nothing else.

        `header` is what its request says as traceparent.
        """
        try:
            signature = self._authenticate(body, signature)
            event = decode_event(body, self.now)
            locate(event.image_url, self.urls)
        except FleetError as error:
            return problem_of(error)
        if self.bearer and self.bearer.sensor_id != event.sensor_id:
            return Problem(NOT_YOURS, f"the token is of {self.bearer.sensor_id}, the event of {event.sensor_id}", "sensor_id")
        headers = {SIGNATURE_HEADER: signature}
        if header is not None and is_traceparent(header):
            headers[TRACE_HEADER] = header
        message, digest = Message(body, headers), hashlib.sha256(body).digest()
        return Submission(event.event_id, event.sensor_id, message, digest, headers.get(TRACE_HEADER))

    def _authenticate(self, body: bytes, signature: str | None) -> str:
        """Return the signature for the queue: the device's own, or one made for whose token came with it."""
        if signature is not None:
            self.speakers.signed(read_claims(body).get("sensor_id", ""), body, signature)
            return signature
        if self.bearer is None:
            raise SignatureInvalid("there is neither a Signature nor an Authorization header")
        return sign(self.bearer, body)

    def several(self, items: Sequence[object]) -> list[Submission | Problem]:
        """Return the events of a batch, each alone: one that is wrong holds up no other.

        An item is an event, or `{"body": TEXT, "signature": TEXT}` with the exact text that a device has signed.
        """
        return [self._item(item) for item in items]

    def _item(self, item: object) -> Submission | Problem:
        if not isinstance(item, Mapping):
            return Problem(INVALID, "is not an object", "event")
        if item.keys() == {"body", "signature"}:
            body, signature = item["body"], item["signature"]
            if not isinstance(body, str) or not isinstance(signature, str):
                return Problem(INVALID, "body and signature are texts", "body")
            return self.one(body.encode(errors="replace"), signature)
        return self.one(json.dumps(item, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass"), None)


def traced(read: Sequence[Submission | Problem], header: str | None) -> list[Submission | Problem]:
    """Return a batch with the traceparent of each event: a header that is one event's says that its sender is traced."""
    good = [one for one in read if isinstance(one, Submission)]
    if header is None or header not in {traceparent(one.event_id, PUBLISHED) for one in good}:
        return list(read)
    return [_traced(one) if isinstance(one, Submission) else one for one in read]


def _traced(one: Submission) -> Submission:
    header = traceparent(one.event_id, PUBLISHED)
    message = replace(one.message, headers={**one.message.headers, TRACE_HEADER: header})
    return replace(one, message=message, traceparent=header)


def read_batch(body: bytes) -> list[object] | None:
    """Return the items of a batch, None if the body is a single event; raises EventInvalid for what is neither."""
    if b'"events"' not in body:
        return None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None  # the reader of single events says better what is wrong with it
    if not isinstance(value, dict) or "events" not in value or "event_id" in value:
        return None
    items = value["events"]
    if value.keys() != {"events"} or not isinstance(items, list) or not 0 < len(items) <= MOST_EVENTS:
        raise EventInvalid("events", f"a batch is an object with a list of 1 to {MOST_EVENTS} events and nothing else")
    return items


def compose(event: ItemCaptured, bearer: Credential) -> Submission:
    """Return an event that the gateway itself makes for whose token it has."""
    body = encode_event(event)
    message = Message(body, {SIGNATURE_HEADER: sign(bearer, body)})
    return Submission(event.event_id, event.sensor_id, message, hashlib.sha256(body).digest())
