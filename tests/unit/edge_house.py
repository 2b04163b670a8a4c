"""A bin's program in parts, with clocks that are turned by hand and a gateway that remembers what it was given."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from adapters.memory.door import MemoryDoor
from contracts.edge import Advice, DoorAway
from producer.edge.clocks import Moment
from producer.edge.folder import Folder
from producer.edge.outbox import Bounds, Outbox, Picture
from producer.edge.sender import Plan, Sender
from producer.edge.shelf import Shelf
from producer.edge.taking import Taker
from tests.edge_house import picture

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp()


@dataclass
class Clock:
    """A machine's clocks; `wrong_s` is how far the one on the wall is off."""

    true_s: float = NOON
    booted_s: float = NOON - 1000
    wrong_s: float = 0.0
    boot: str = "boot-1"

    def now(self):
        return Moment(self.boot, self.true_s - self.booted_s, self.true_s + self.wrong_s)

    def reboot(self, boot, wrong_s=None):
        self.boot, self.booted_s = boot, self.true_s
        self.wrong_s = self.wrong_s if wrong_s is None else wrong_s


class Gateway(MemoryDoor):
    """A gateway that may be away, refuse what a test refuses, and remembers the order of its events."""

    def __init__(self, clock):
        super().__init__("bin-7", lambda: datetime.fromtimestamp(clock.true_s, UTC))
        self.away, self.refuse, self.order = "", None, []

    @property
    def reports(self):
        return self.contacts

    def ask_for(self, share):
        self.advice = Advice(share)

    def answer(self):
        if self.away:
            raise DoorAway(self.away)
        super().answer()

    def _take(self, body):
        if self.refuse and (fate := self.refuse(body)):
            return fate
        before = len(self.events)
        fate = super()._take(body)
        if len(self.events) > before:
            event = list(self.events.values())[-1][1]
            assert event.image_url in self.pictures, "an event without its picture"
            self.order.append(event)
        return fate


class Parts:
    """A bin: its outbox on a disk, and what takes from its folder and sends."""

    def __init__(self, home, clock=None, gateway=None, bounds=None, fingerprint=None, free=10**12, most_pages=0, **plan):
        self.home, self.clock = home, clock or Clock()
        self.gateway = gateway or Gateway(self.clock)
        self.folder_path = home / "pictures"
        self.folder_path.mkdir(exist_ok=True)
        self.free = free
        self.shelf = Shelf(home / "edge.sqlite", most_pages=most_pages)
        self.outbox = Outbox(self.shelf, bounds or Bounds(reserve_bytes=0), free_bytes=lambda _: self.free)
        self.taker = Taker(self.outbox, bytes, fingerprint or (lambda _: None))
        self.folder = Folder(self.folder_path, self.taker, self.clock.now, settle_s=0.0)
        self.gateway.heard = lambda at_s, error_s: self.outbox.measure(self.clock.now(), at_s, error_s)
        self.sender = Sender(self.outbox, "bin-7", lambda: self.gateway, self.clock.now, Plan(**plan), random.Random(1), dict)

    def capture(self, number=0, image=None, near=False):
        return self.outbox.keep(Picture(image or picture(number), "image/jpeg", self.clock.now(), near=near))

    def look(self):
        """Look twice: a file has to have stayed as it was."""
        self.folder.take_all()
        return self.folder.take_all()

    def send_all(self, seconds=3600.0):
        """Send until there is nothing more to send, or so many seconds are over."""
        until = self.clock.true_s + seconds
        while self.clock.true_s < until:
            wait_s = self.sender.step()
            if not self.count("waiting"):
                return
            self.clock.true_s += max(wait_s, 0.01)

    def count(self, state):
        with self.shelf.look() as sql:
            return sql.execute("SELECT count(*) FROM captures WHERE state = ?", (state,)).fetchone()[0]

    def counts(self):
        with self.shelf.look() as sql:
            return dict(sql.execute("SELECT name, number FROM counts").fetchall())

    def close(self):
        self.shelf.close()


def day(days):
    return timedelta(days=days).total_seconds()
