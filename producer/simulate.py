"""A fleet of bins: who throws what when."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial

from contracts.signatures import derive_credential
from producer.device import Device
from producer.pictures import Picture
from producer.uplink import Shot


def make_fleet(count: int, master_key: bytes, clock: Callable[[], datetime]) -> list[Device]:
    """Return `count` bins named bin-1 up, with the credentials derived for them."""
    return [Device(derive_credential(master_key, f"bin-{number}"), clock) for number in range(1, count + 1)]


def throw(
    fleet: Sequence[Device], pictures: Iterator[Picture], *, events: int, rate: float, seed: int
) -> Iterator[Callable[[], Shot]]:
    """Yield `events` shots, each by a random bin, `rate` a second in the mean (0: as fast as they are taken)."""
    chance = random.Random(seed)
    due = time.monotonic()
    for _ in range(events):
        if rate > 0:
            due += chance.expovariate(rate)
            time.sleep(max(0.0, due - time.monotonic()))
        make, truth = next(pictures)
        device = chance.choice(fleet)
        yield partial(_shoot, device, make, truth)


def _shoot(device: Device, make: Callable[[], bytes], truth: str | None) -> Shot:
    return Shot(device, make(), truth)
