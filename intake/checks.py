"""What an event must pass to be accepted. Pure: the time, the key and the rules are passed in."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from contracts.codec import decode_event
from contracts.errors import CredentialRevoked
from contracts.image_urls import UrlRule, locate
from contracts.ledger import AcceptedEvent
from contracts.messages import Message
from contracts.names import SIGNATURE_HEADER
from contracts.signatures import verify


@dataclass(frozen=True, slots=True)
class DoorRules:
    """Who may speak and what may be pointed at. `revoked` maps a sensor to its last revoked generation."""

    master_key: bytes
    urls: UrlRule
    revoked: Mapping[str, int]


def check_message(message: Message, rules: DoorRules, now: datetime) -> AcceptedEvent:
    """Return the event of a message.

    Raises EventInvalid, SignatureInvalid, CredentialRevoked or ImageForbidden: each means that it never becomes work.
    """
    event = decode_event(message.body, now)
    generation = verify(rules.master_key, event.sensor_id, message.body, message.headers.get(SIGNATURE_HEADER))
    if generation <= rules.revoked.get(event.sensor_id, 0):
        raise CredentialRevoked(f"generation {generation} of sensor {event.sensor_id}")
    locate(event.image_url, rules.urls)
    return AcceptedEvent(event, hashlib.sha256(message.body).digest())
