"""All rooms on twins, without a socket."""

import threading
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from uuid import uuid4

from adapters.memory.ledger import MemoryLedger
from adapters.memory.models import MemoryServing
from adapters.memory.queue import MemoryMessageQueue, MemoryWorkQueue
from adapters.memory.surroundings import ManualClock, MemoryObjects, MemoryTelemetry
from contracts.errors import ItemPoisonous
from contracts.image_urls import UrlRule
from contracts.outcomes import Scores
from intake.drain import Drain
from intake.reconciler import Reconciler
from tests.makers import MASTER_KEY, a_message, an_event
from worker.classify import ItemClassifier
from worker.process import Processor
from worker.progress import Progress
from worker.slots import OneModel
from worker.turns import Turns
from worker.workplace import Workplace


class Model:
    version, threshold, outlier_threshold = "m1", 0.75, 0.5

    def __init__(self):
        self.seen, self.pause_s = [], 0

    def classify(self, image):
        self.seen.append(image)
        time.sleep(self.pause_s)
        if image == b"crash":
            raise ValueError("unforeseen")
        best = 0.5 if image == b"unsure" else 0.9
        return Scores([best, *[(1 - best) / 4] * 4], 0.9 if image == b"none of the five" else 0.1)


class Alone:
    """Suspects end at once; nobody else is `busy` with one unless a test says so."""

    def __init__(self, classifier):
        self.classifier, self.busy = classifier, False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def turn(self, timeout_s):
        return nullcontext(None if self.busy else self.run)

    def run(self, item):
        return self.classifier.fail(item, ItemPoisonous("alone"))


class House:
    """All rooms on twins."""

    def __init__(self):
        self.clock = ManualClock(datetime.now(UTC))
        self.ledger = MemoryLedger(self.clock)
        self.edge, self.letters, self.work = MemoryMessageQueue(), MemoryMessageQueue(), MemoryWorkQueue()
        self.objects, self.telemetry, self.model = MemoryObjects("waste-images"), MemoryTelemetry(), Model()
        self.stopping = threading.Event()
        self.models, self.serving = None, MemoryServing()
        self.drain = Drain(
            self.edge, self.ledger, self.work, self.letters,
            master_key=MASTER_KEY, urls=UrlRule(frozenset({"waste-images"})), clock=self.clock, telemetry=self.telemetry,
        )  # fmt: skip
        self.reconciler = Reconciler(self.ledger, self.work, self.letters, self.telemetry)

    def processor(self, ledger=None):
        classifier = ItemClassifier(lambda data: data, self.models or OneModel(self.model), clock=self.clock, chance=lambda: 0.5)
        owner = uuid4()
        place = Workplace(
            ledger or self.ledger, self.letters, self.objects, Turns(1), classifier,
            Alone(classifier), self.telemetry, owner, self.stopping, Progress(),
            self.serving,
        )  # fmt: skip
        from contracts.ledger import WorkerPulse

        self.ledger.beat(WorkerPulse(owner, "h", 1, "0", "m1"))
        return Processor(place)

    def throw(self, data=b"sure", sensor_id="bin-7"):
        event = an_event(self.clock(), sensor_id=sensor_id)
        url = self.objects.put(f"{event.event_id}.jpg", data, "image/jpeg") if data is not None else event.image_url
        event = event.model_copy(update={"image_url": url})
        self.edge.publish([a_message(event)])
        return event.event_id

    def run(self, processor=None):
        while self.drain.take_one(0):
            pass
        worker = processor or self.processor()
        while wake_up := self.work.take():
            worker.take(wake_up[0], first=wake_up[1])
