"""A city whose days pass in seconds: bins photograph, the fleet decides, the plant tells what it was."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from contracts.truth import GroundTruth, TruthLedger
from producer.device import Device
from producer.pictures import Picture
from producer.simulate import make_fleet
from producer.uplink import Sent, Shot, Uplink

_AT_ONCE = 500
PLANT = "north"


@dataclass
class Calendar:
    """The simulated time: a `contracts.ports.Clock`."""

    now: datetime

    def __call__(self) -> datetime:
        """Return the simulated time."""
        return self.now


@dataclass
class City:
    """`bins` bins that throw `thrown` things a day; the plant tells of each what it was."""

    uplink: Uplink
    truth: TruthLedger
    master_key: bytes
    bins: int
    thrown: int
    seed: int = 1
    _devices: list[Device] = field(default_factory=list)

    def day(self, begins: datetime, pictures: Iterator[Picture]) -> list[Sent]:
        """Have a day's pictures taken at their hours and sent; returns what the queue has accepted."""
        self._devices = self._devices or make_fleet(self.bins, self.master_key, lambda: begins)
        chance = random.Random(f"{self.seed} {begins}")
        # Evenly over the day and the bins, so that no two of one bin are within the tolerance of the join.
        moments = [begins + timedelta(seconds=86_400 * (number + chance.random()) / self.thrown) for number in range(self.thrown)]
        shots = self._shots(moments, pictures)
        return [sent for batch in self.uplink.send(shots) for sent in batch]

    def _shots(self, moments: list[datetime], pictures: Iterator[Picture]) -> Iterator[Callable[[], Shot]]:
        for number, moment in enumerate(moments):
            make, actual = next(pictures)
            device = self._devices[number % self.bins]
            yield partial(_Timed(device, moment), make, actual)

    def tell(self, sent: list[Sent]) -> int:
        """Have the plant tell what was on each picture; returns how many labels it gave."""
        labels = [
            GroundTruth(
                sensor_id=one.shot.device.sensor_id,
                observed_at=one.capture.captured_at,
                category=one.shot.truth,
                source=PLANT,
                reference=str(one.capture.event_id),
            )
            for one in sent
            if one.shot.truth
        ]
        for start in range(0, len(labels), _AT_ONCE):
            self.truth.add(labels[start : start + _AT_ONCE])
        return len(labels)


@dataclass(frozen=True)
class _Timed:
    device: Device
    moment: datetime

    def __call__(self, make: Callable[[], bytes], actual: str | None) -> Shot:
        image = make()
        return Shot(Device(self.device.credential, lambda: self.moment, _number_of(self.moment)), image, actual)


def _number_of(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
