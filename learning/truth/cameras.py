"""Sensor or model? Each camera against its own days before, less what the whole fleet has gone through. Pure.

A day's sharpness, light and edge differ from the median of the days before by so many of their own spreads (the median absolute
deviation, times 1.4826). A fault needs both: to be far in spreads, and far enough to matter. What all cameras have in common is the
season, the waste or the model, and is taken off; what befalls many at once is no matter of maintenance.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.pictures import CameraFault, SensorDay

FEWEST_PICTURES = 20
"""Of fewer within a day nothing is said."""
FEWEST_DAYS = 5
FEW_SENSORS = 5
"""Of fewer sensors there is no fleet to compare with."""
MANY_SENSORS, MANY_SHARE = 3, 0.2
"""So many that change at once are no matter of their cameras."""
DIRTY, DARK, BLACK, MOVED = -0.25, -0.4, -1.5, 4.0
"""Logarithms of ratios: of sharpness, and of brightness; and how far the edge is from what it was."""
_OF_DIRT, _OF_DARKNESS = 27.0, 6.0
"""How far dirt moves the edge for each unit of sharpness that it takes, and darkness at most: what is farther was moved."""
_FLEET_SHARPNESS, _FLEET_BRIGHTNESS, _FLEET_BRIM = 0.2, 0.4, 5.0
SPREADS = 5.0
_CALM = 0.6
"""A camera is as before when nothing is farther than this part of what makes a fault."""
_FLOORS = (0.05, 0.03, 0.4)
"""Least spreads of the logarithms of brightness and sharpness, and of the edge's distance: below is chance."""
_TINY = 1e-3
_LIGHT, _SHARP, _EDGE = 0, 1, slice(2, None)
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Change:
    """How a sensor's last day differs from its days before, less the fleet's own change.

    `brightness` and `sharpness` are logarithms of ratios and `brim` a distance, in units of a picture's mean / 64; `spreads` says
    the same three in spreads. `now` and `before` are for people.
    """

    sensor_id: str
    now: SensorDay
    before: SensorDay
    days: int
    brightness: float
    sharpness: float
    brim: float
    spreads: tuple[float, float, float]

    @property
    def fault(self) -> CameraFault | None:
        """What is wrong with the camera, None if nothing is."""
        dim, blunt, far = self.spreads
        if self.brightness <= BLACK and dim <= -SPREADS:
            return CameraFault.BIN_DARK  # of what is nearly black neither sharpness nor edge tells anything
        if self.sharpness <= DIRTY and blunt <= -SPREADS and self.brim < _OF_DIRT * -self.sharpness:
            return CameraFault.LENS_DIRTY
        if self.brightness <= DARK and dim <= -SPREADS and self.brim < _OF_DARKNESS:
            return CameraFault.BIN_DARK
        return CameraFault.CAMERA_MOVED if self.brim >= MOVED and far >= SPREADS else None

    @property
    def calm(self) -> bool:
        """Whether the camera is as before."""
        limits = (self.brightness > _CALM * DARK, self.sharpness > _CALM * DIRTY, self.brim < max(_CALM * MOVED, self._noise))
        return all(limits)

    @property
    def _noise(self) -> float:
        """The distance of an edge that is within its own spreads."""
        return self.brim if self.spreads[2] < SPREADS * _CALM else 0.0


@dataclass(frozen=True, slots=True)
class Round:
    """Of all sensors that could be judged: their changes, and what they have in common."""

    changes: Sequence[Change]
    ticketed: AbstractSet[str]
    brightness: float
    sharpness: float
    brim: float

    @property
    def fresh(self) -> list[Change]:
        """Those that have a fault and no ticket."""
        return [one for one in self.changes if one.fault and one.sensor_id not in self.ticketed]

    @property
    def many(self) -> bool:
        """Whether so many have changed at once that it is no matter of single cameras."""
        judged = sum(one.sensor_id not in self.ticketed for one in self.changes)
        return len(self.fresh) >= max(MANY_SENSORS, MANY_SHARE * judged)

    @property
    def opens(self) -> list[Change]:
        """Those that get a ticket: none while the fleet as a whole has changed, for it does so unequally."""
        return [] if self.drifts else self.fresh

    @property
    def drifts(self) -> bool:
        """Whether the fleet as a whole sees otherwise than before."""
        return self.many or self._moved >= 1

    @property
    def settled(self) -> bool:
        """Whether enough sensors say that the fleet sees what it is used to."""
        return len(self.changes) >= FEW_SENSORS and not self.many and self._moved < _CALM

    @property
    def _moved(self) -> float:
        moved = (self.sharpness / _FLEET_SHARPNESS, self.brightness / _FLEET_BRIGHTNESS, self.brim / _FLEET_BRIM)
        return max(map(abs, moved))


def judge(lately: Sequence[SensorDay], usual: Sequence[SensorDay], ticketed: AbstractSet[str] = frozenset()) -> Round:
    """Compare each sensor's last day with its days before; the fleet's change is that of sensors without a ticket."""
    days = _by_sensor(usual)
    now = [one for one in lately if one.pictures >= FEWEST_PICTURES and len(days.get(one.sensor_id, ())) >= FEWEST_DAYS]
    if not now:
        return Round((), ticketed, 0.0, 0.0, 0.0)
    history = [np.array([_vector(day) for day in days[one.sensor_id]]) for one in now]
    before = np.array([np.median(vectors, axis=0) for vectors in history])
    moved = np.array([_vector(one) for one in now]) - before
    healthy = [number for number, one in enumerate(now) if one.sensor_id not in ticketed]
    common = np.median(moved[healthy], axis=0) if len(healthy) >= FEW_SENSORS else np.zeros(moved.shape[1])
    own = moved - common
    past = [days[one.sensor_id] for one in now]
    changes = [_change(*one, common) for one in zip(now, past, before, history, own, strict=True)]
    return Round(changes, ticketed, float(common[_LIGHT]), float(common[_SHARP]), _length(common[_EDGE]))


def _by_sensor(usual: Sequence[SensorDay]) -> Mapping[str, list[SensorDay]]:
    days: dict[str, list[SensorDay]] = defaultdict(list)
    for day in usual:
        if day.pictures >= FEWEST_PICTURES:
            days[day.sensor_id].append(day)
    return days


def _vector(day: SensorDay) -> Vector:
    return np.array([math.log(max(day.brightness, _TINY)), math.log(max(day.sharpness, _TINY)), *day.brim])


def _change(now: SensorDay, days: Sequence[SensorDay], before: Vector, history: Vector, own: Vector, common: Vector) -> Change:
    spreads_of = [max(_spread(history[:, column]), _FLOORS[column]) for column in (_LIGHT, _SHARP)]
    distances = np.array([_length(day[_EDGE]) for day in history - before])
    # What befalls all befalls them unequally: so much of a sensor's own change is none of its own.
    light, sharp = (math.copysign(max(0.0, abs(own[one]) - abs(common[one])), own[one]) for one in (_LIGHT, _SHARP))
    far = max(0.0, _length(own[_EDGE]) - _length(common[_EDGE]))
    beyond = (far - float(np.median(distances))) / max(_spread(distances), _FLOORS[2])
    spreads = (light / spreads_of[_LIGHT], sharp / spreads_of[_SHARP], beyond)
    return Change(now.sensor_id, now, _usual(days), len(days), light, sharp, far, spreads)


def _usual(days: Sequence[SensorDay]) -> SensorDay:
    categories = [sum(counts) for counts in zip(*(day.categories for day in days), strict=True)]
    edge = [statistics.median(values) for values in zip(*(day.brim for day in days), strict=True)]
    return SensorDay(
        sensor_id=days[0].sensor_id,
        pictures=sum(day.pictures for day in days),
        brightness=statistics.median(day.brightness for day in days),
        sharpness=statistics.median(day.sharpness for day in days),
        entropy=statistics.median(day.entropy for day in days),
        confidence=statistics.median(day.confidence for day in days),
        categories=categories,
        brim=edge,
    )


def _spread(values: Vector) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _length(edge: Vector) -> float:
    return float(np.sqrt((edge**2).mean()))
