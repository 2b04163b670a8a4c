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

_TORN_BYTES = 4096
"""What a card that lost its power leaves of a picture: a file of this many zeros."""


def make_fleet(count: int, master_key: bytes, clock: Callable[[], datetime]) -> list[Device]:
    """Return `count` bins named bin-1 up, with the credentials derived for them."""
    return [Device(derive_credential(master_key, f"bin-{number}"), clock) for number in range(1, count + 1)]


def throw(
    fleet: Sequence[Device], pictures: Iterator[Picture], *, events: int, rate: float, seed: int, broken: float = 0.0
) -> Iterator[Callable[[], Shot]]:
    """Yield `events` shots, each by a random bin, `rate` a second in the mean (0: as fast as they are taken).

    The share `broken` of the files, in [0, 1], is none that could be read.
    """
    chance = random.Random(seed)
    due = time.monotonic()
    for _ in range(events):
        if rate > 0:
            due += chance.expovariate(rate)
            time.sleep(max(0.0, due - time.monotonic()))
        make, truth = next(pictures)
        device = chance.choice(fleet)
        if broken and chance.random() < broken:
            yield partial(_shoot, device, _torn, None)
        else:
            yield partial(_shoot, device, make, truth)


def _torn() -> bytes:
    return bytes(_TORN_BYTES)


def _shoot(device: Device, make: Callable[[], bytes], truth: str | None) -> Shot:
    return Shot(device, make(), truth)
