"""A day without network, and then all bins at once: the real outboxes, senders and gateway, on a clock that is turned by hand.

What stands behind the gateway is a queue from which a fleet takes so many events a second. The gateway's own rules are the product's:
its reader, publisher, token buckets, and the weather by which it asks for less or refuses.
"""

import asyncio
import hashlib
import heapq
import json
import os
import random
from collections import Counter, deque
from datetime import UTC, datetime
from uuid import UUID

import pytest

from adapters.memory.rates import MemoryRates
from contracts.edge import Advice, DoorAway, Fate, FleetAnswer
from contracts.gateway import Upload
from contracts.image_urls import UrlRule
from contracts.messages import QueueDepth
from contracts.pressure import Marks
from contracts.signatures import derive_credential
from intake.gateway.publishing import Accepted, Publisher
from intake.gateway.speakers import Speakers
from intake.gateway.submissions import Reader
from intake.weather import Weather
from producer.edge.clocks import Moment
from producer.edge.outbox import Bounds, Outbox, Picture
from producer.edge.sender import Plan, Sender
from producer.edge.shelf import Shelf
from tests.makers import MASTER_KEY

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp()
OUTAGE_S = 86_400.0
TARGET_S = 300.0
"""How old an event that is thrown in after the outage may be when the fleet takes it from the queue."""
ROUND_TRIP_S = 0.12


class Time:
    """The one clock of all."""

    now = NOON

    def utc(self):
        return datetime.fromtimestamp(self.now, UTC)


class Queue:
    """The edge queue, with its times by the clock that is turned by hand; a fleet takes `taken_per_s` events from it."""

    def __init__(self, time, taken_per_s):
        self.time, self.taken_per_s = time, taken_per_s
        self.waiting, self.deepest = deque(), 0

    def publish(self, messages):
        self.waiting.extend((self.time.now, message) for message in messages)
        self.deepest = max(self.deepest, len(self.waiting))

    def take(self, seconds):
        return [self.waiting.popleft() for _ in range(min(len(self.waiting), int(self.taken_per_s * seconds)))]

    def depth(self):
        return QueueDepth(len(self.waiting), 0)

    def oldest_age_s(self, now):
        return self.time.now - self.waiting[0][0] if self.waiting else None

    def memory_share(self):
        return None


class Ledger:
    """Knows what the fleet has taken from the queue, as intake writes it down."""

    def __init__(self):
        self.taken = {}

    def accept(self, messages):
        for message in messages:
            event_id, digest = UUID(json.loads(message.body)["event_id"]), hashlib.sha256(message.body).digest()
            assert self.taken.setdefault(event_id, digest) == digest, "an event came again with another content"

    def digests(self, event_ids):
        return {event_id: self.taken[event_id] for event_id in event_ids if event_id in self.taken}


class Service:
    """The gateway of all bins, without its HTTP."""

    def __init__(self, time, queue, marks, rates, ledger):
        self.time, self.queue = time, queue
        self.ledger = ledger
        self.weather = Weather(queue, marks, time.utc, lambda hint: None)
        self.publisher = Publisher(queue, rates, ledger)
        self.speakers = Speakers(MASTER_KEY)
        self.loop = asyncio.new_event_loop()
        self.requests, self.refused, self.by_second = Counter(), Counter(), Counter()
        self.first = {}
        self.up = True
        self.publisher.start()

    def take(self, credential, bodies):
        hint = self.weather.hint
        if hint.share <= 0:
            self.refused["overloaded"] += 1
            raise DoorAway("overloaded", hint.pause_s, answered=True)
        reader = Reader(self.speakers, UrlRule(frozenset({"waste-images"})), credential, self.time.utc())
        read = reader.several([json.loads(body) for body in bodies])
        assert not [one for one in read if not hasattr(one, "digest")], read
        fates = self.loop.run_until_complete(self.publisher.publish(read))
        return [self._fate(fate) for fate in fates], hint.share

    def _fate(self, fate):
        if isinstance(fate, Accepted):
            return Fate(200 if fate.again else 202)
        self.refused[fate.kind.name] += 1
        return Fate(fate.kind.status, fate.kind.name, fate.detail, fate.retry_after_s)

    def close(self):
        self.publisher.stop()
        self.loop.close()


class ServiceDoor:
    """The gateway as one bin sees it. One answer in fifty is lost on its way."""

    def __init__(self, service, credential, chance, heard):
        self.service, self.credential, self.chance, self.heard, self.share = service, credential, chance, heard, 1.0
        self.took_s = 0.0

    def _reach(self, what):
        if not self.service.up:
            raise DoorAway("no network")
        self.service.requests[what] += 1
        self.service.by_second[int(self.service.time.now + self.took_s)] += 1
        self.service.first.setdefault(self.credential.sensor_id, self.service.time.now)
        self.took_s += ROUND_TRIP_S
        self.heard(self.service.time.now + 0.5, 0.6)

    def _lose(self):
        if self.chance.random() < 0.02:
            raise DoorAway("the answer was lost")

    def place(self, event_id, content_type, size_bytes):
        self._reach("place")
        return Upload(
            f"s3://waste-images/{self.credential.sensor_id}/{event_id}.jpg", "http://store/x", {}, self.service.time.utc()
        )

    def put(self, place, image):
        self._reach("put")
        self._lose()

    def send(self, bodies):
        self._reach("events")
        fates, self.share = self.service.take(self.credential, bodies)
        self._lose()
        return fates

    def contact(self, next_sequence, report):
        self._reach("contact")
        hint = self.service.weather.hint
        self.share = hint.share
        return Advice(hint.share, hint.pause_s)

    def find(self, event_id):
        return FleetAnswer()


class SimulatedBin:
    """One bin: real outbox and sender; throws at random moments."""

    def __init__(self, number, service, path, per_h, plan):
        self.time, self.chance, self.per_s = service.time, random.Random(number), per_h / 3600
        self.credential = derive_credential(MASTER_KEY, f"bin-{number}")
        self.outbox = Outbox(Shelf(path), Bounds(reserve_bytes=0), free_bytes=lambda _: 10**12)
        # Each boots at another moment and its clock is wrong by another amount.
        self.booted_s, self.wrong_s = NOON - self.chance.uniform(60, 86_400), self.chance.uniform(-1e5, 1e5)
        self.door = ServiceDoor(service, self.credential, self.chance, lambda at, error: self.outbox.measure(self.now(), at, error))
        self.sender = Sender(self.outbox, self.credential.sensor_id, lambda: self.door, self.now, plan, self.chance, dict)
        self.thrown = {}

    def now(self):
        return Moment("boot", self.time.now - self.booted_s, self.time.now + self.wrong_s)

    def throw(self):
        kept = self.outbox.keep(Picture(os.urandom(64), "image/jpeg", self.now()))
        self.thrown[kept.event_id] = self.time.now

    def next_throw_s(self):
        return self.time.now + self.chance.expovariate(self.per_s)

    def waits(self):
        with self.outbox.shelf.look() as sql:
            return sql.execute("SELECT count(*) FROM captures").fetchone()[0]


def simulate(bins, service, time, queue, after_s):
    """Let the network be away for a day and then back; return when each event left the queue, and when the backlog was gone."""
    left, drained_at, chance = [], None, random.Random(3)
    agenda = [(one.next_throw_s(), number, "throw") for number, one in enumerate(bins)]
    # During the outage each tries by itself; only where it stands in its pauses at the end matters, and the last hours show it.
    agenda += [(NOON + OUTAGE_S - chance.uniform(0, 600), number, "send") for number in range(len(bins))]
    agenda += [(NOON + OUTAGE_S, -1, "back"), (NOON + OUTAGE_S + 1, -1, "second")]
    heapq.heapify(agenda)
    service.up = False
    while agenda[0][0] < NOON + OUTAGE_S + after_s:
        time.now, number, what = heapq.heappop(agenda)
        if what == "throw":
            bins[number].throw()
            heapq.heappush(agenda, (bins[number].next_throw_s(), number, "throw"))
        elif what == "send":
            bins[number].door.took_s = 0.0
            wait_s = bins[number].sender.step()
            heapq.heappush(agenda, (time.now + max(wait_s, 0.01) + bins[number].door.took_s, number, "send"))
        elif what == "back":
            service.up = True
        else:
            taken = queue.take(1.0)
            service.ledger.accept(message for _, message in taken)
            left += [(time.now, *one) for one in taken]
            service.weather.look()
            if drained_at is None and int(time.now) % 10 == 0 and sum(one.waits() for one in bins) < len(bins) * 0.02 + 1:
                drained_at = time.now
            heapq.heappush(agenda, (time.now + 1, -1, "second"))
    return left, drained_at


@pytest.mark.timeout(1800)
def test_bins_that_come_back_after_a_day_lose_nothing_double_nothing_and_keep_live_events_young(tmp_path, times):
    number, per_h = times(1000, 60), 6
    time = Time()
    scale = number / 1000
    queue = Queue(time, 300 * scale)
    marks = Marks(depth=int(100_000 * scale))
    rates = MemoryRates(device=(20.0, 1000), total=(20_000 * scale, int(50_000 * scale)), monotonic=lambda: time.now)
    service = Service(time, queue, marks, rates, Ledger())
    bins = [SimulatedBin(n, service, tmp_path / f"{n}.sqlite", per_h, Plan()) for n in range(number)]
    for one in bins:
        one.outbox.shelf.sql.execute("PRAGMA synchronous = OFF")
    left, drained_at = simulate(bins, service, time, queue, after_s=2700)
    service.close()
    back = NOON + OUTAGE_S
    thrown = {event_id: at for one in bins for event_id, at in one.thrown.items()}
    still = {UUID(bytes=row[0]) for one in bins for row in one.outbox.shelf.sql.execute("SELECT event_id FROM captures")}
    for one in bins:
        one.outbox.shelf.close()
    events = [json.loads(message.body) for _, _, message in left] + [json.loads(message.body) for _, message in queue.waiting]
    seen = Counter(UUID(event["event_id"]) for event in events)
    assert max(seen.values()) == 1, "an event came twice"
    assert set(thrown) - set(seen) <= still, "an event is lost"
    assert not set(seen) - set(thrown)
    assert drained_at is not None, "the backlog was not gone in time"
    ages = sorted(
        at - thrown[UUID(json.loads(m.body)["event_id"])]
        for at, _, m in left
        if thrown[UUID(json.loads(m.body)["event_id"])] > back
    )
    errors = [abs(datetime.fromisoformat(e["captured_at"]).timestamp() - thrown[UUID(e["event_id"])]) for e in events]
    backlog = sum(at <= back for at in thrown.values())
    print(
        f"\n{number} bins, {backlog} events of the outage, drained in {(drained_at - back) / 60:.1f} min at {queue.taken_per_s:.0f}/s; "
        f"queue at most {queue.deepest} of {marks.depth}; live events: p50 {ages[len(ages) // 2]:.0f} s, "
        f"p99 {ages[int(len(ages) * 0.99)]:.0f} s, max {ages[-1]:.0f} s; {dict(service.requests)}; refused {dict(service.refused)}"
    )
    rush = max(Counter(int(at) for at in service.first.values()).values())
    print(f"at most {rush} bins came back in the same second, and {max(service.by_second.values())} requests in any")
    assert rush < number / 20 + 3, "the bins came back all at once"
    assert queue.deepest < marks.depth
    assert ages[int(len(ages) * 0.99)] < TARGET_S
    assert max(errors) < 1.5, "a time is wrong"
    assert service.refused["too-fast"] == 0
