"""What comes in: days with their peaks, storms, and what bins send when they are back after an outage."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
STEP_S = 5
DAY_S = 86_400
DAYS = 2
EVENTS_A_BIN_DAY = 144
_NIGHT = 0.15
_PEAKS = ((8.0, 0.8, 2.4), (13.0, 1.2, 1.2), (18.5, 1.6, 2.0))
"""Hour, width in hours, height above the night."""


@dataclass(frozen=True, slots=True)
class Demand:
    """A fleet's events: `rate` is what comes in a second, for each step of STEP_S seconds of DAYS days."""

    name: str
    rate: Floats

    @property
    def busy(self) -> float:
        """Return the rate that is exceeded in one hour of a day."""
        return float(np.quantile(self.rate, 23 / 24))


def _times() -> Floats:
    return np.arange(0, DAYS * DAY_S, STEP_S, dtype=np.float64)


def _quiet_day(bins: int) -> Floats:
    hours = _times() / 3600 % 24
    shape = np.full_like(hours, _NIGHT)
    for hour, width, height in _PEAKS:
        shape += height * np.exp(-(((hours - hour) / width) ** 2) / 2)
    return shape / shape.mean() * bins * EVENTS_A_BIN_DAY / DAY_S


def _noisy(rate: Floats, chance: np.random.Generator) -> Floats:
    return chance.poisson(rate * STEP_S) / STEP_S


def morning_peaks(bins: int, seed: int) -> Demand:
    """Return two usual days."""
    return Demand("peaks", _noisy(_quiet_day(bins), np.random.default_rng(seed)))


def storm(bins: int, seed: int) -> Demand:
    """Return days of which the second ends with a match: six times as many for 20 minutes, from one minute to the next."""
    rate, times = _quiet_day(bins), _times()
    begins = DAY_S + 20.5 * 3600
    rate *= 1 + 5 * np.clip((times - begins) / 60, 0, 1) * (times < begins + 1200)
    return Demand("storm", _noisy(rate, np.random.default_rng(seed)))


def outage(bins: int, seed: int) -> Demand:
    """Return days without network for two hours at noon of the second; ten minutes later all that bins have kept has come."""
    rate, times = _quiet_day(bins), _times()
    begins = DAY_S + 12 * 3600.0
    within, after = (times >= begins) & (times < begins + 7200), (times >= begins + 7200) & (times < begins + 7800)
    kept = rate[within].sum()
    rate[within] = 0
    rate[after] += kept / after.sum()
    return Demand("outage", _noisy(rate, np.random.default_rng(seed)))


DEMANDS = (morning_peaks, storm, outage)
