"""What a network does to messages: repeats them, mixes them, and forges their content."""

import random

import pytest

from contracts.messages import Message
from contracts.names import SIGNATURE_HEADER
from contracts.signatures import sign
from tests.conftest import wait_for
from tests.faults.oracle import audit


@pytest.mark.timeout(300)
def test_repeated_and_mixed_messages_count_once_and_the_first_content_wins(broken, times, fault):
    fleet, load = broken()
    chance = random.Random(7)
    made = load.make(times(5000, 600))
    copies = [sent for sent in made for _ in range(chance.randint(1, 5))]
    chance.shuffle(copies)
    load.publish(made)
    for start in range(0, len(copies), 200):
        load.queue.publish([sent.message for sent in copies[start : start + 200]])
    fault("a flood of repeated messages")
    wait_for(lambda: fleet.query("SELECT count(*) FROM events")[0][0] == len(made), 60, "the ledger")
    conflicts = [other_content(sent) for sent in made[:50]]
    load.queue.publish(conflicts)
    fault("ids that come again with other content")
    wait_for(lambda: fleet.query("SELECT count(*) FROM event_conflicts")[0][0] == 50, 60, "the conflicts")
    audit(fleet, load)
    assert fleet.query("SELECT count(*) FROM events WHERE sequence = 999999") == [(0,)]


def other_content(sent):
    import json

    body = json.dumps(json.loads(sent.message.body) | {"sequence": 999_999}).encode()
    return Message(body, {SIGNATURE_HEADER: sign(sent.shot.device.credential, body)})
