"""How often the drift alert is wrong, and how long it takes to be right, on simulated fleets.

    python -m benchmarks.alarm [--fleets N] [--seed N]

A fleet gets a number of labels a day that differs between fleets and days (median 400), looks at its evidence each hour for 90
days, and has a true accuracy that stays, or falls on the 30th day. Time is simulated.
"""

import argparse
import statistics
import sys
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from learning.truth.alarm import WINDOW_DAYS, Day, weigh

DAYS = 90
FALLS_ON = 30
MEDIAN_LABELS = 400
_SPREAD = 0.5
_LOOKS_A_DAY = 24
_BEGINS = date(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class Found:
    """Of simulated fleets: the share that fired without a reason, and the days from the fall to the alarm, None for never."""

    false_alarms: float
    delays: list[float | None]

    @property
    def median_delay(self) -> float:
        """The median delay in days; infinite if half of the fleets never fired."""
        return statistics.median(float("inf") if one is None else one for one in self.delays)


def simulate(fleets: int, before: float, after: float, seed: int, *, median_labels: float = MEDIAN_LABELS) -> Found:
    """Return what happens to fleets whose accuracy is `before`, and `after` from the 30th day on."""
    chance = np.random.default_rng(seed)
    false, delays = 0, []
    for _ in range(fleets):
        fired = _first_alarm(chance, before, after, median_labels * chance.lognormal(0, _SPREAD))
        early = fired is not None and (fired < FALLS_ON or before == after)
        false += early
        if before != after and not early:
            delays.append(None if fired is None else fired - FALLS_ON)
    return Found(false / fleets, delays)


def _first_alarm(chance: np.random.Generator, before: float, after: float, labels_a_day: float) -> float | None:
    days: list[Day] = []
    for number in range(DAYS):
        day, accuracy = _BEGINS + timedelta(days=number), before if number < FALLS_ON else after
        hours = chance.poisson(labels_a_day * chance.lognormal(0, 0.3) / _LOOKS_A_DAY, _LOOKS_A_DAY)
        right = chance.binomial(hours, accuracy)
        kept = days[-WINDOW_DAYS:]
        for look in range(1, _LOOKS_A_DAY + 1):
            so_far = Day(day, int(right[:look].sum()), int((hours - right)[:look].sum()))
            if weigh([*kept, so_far], day).fires:
                return number + look / _LOOKS_A_DAY
        days.append(so_far)
    return None


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alarm", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--fleets", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.stdout.write(
        "| true accuracy | false alarms in 90 days | found | median days to the alarm | 95 % |\n| --- | --- | --- | --- | --- |\n"
    )
    for before, after in ((0.85, 0.85), (0.87, 0.87), (0.9, 0.9), (0.85, 0.8), (0.9, 0.8), (0.88, 0.83), (0.9, 0.85)):
        found = simulate(options.fleets, before, after, options.seed)
        name = f"{before:.2f}" if before == after else f"{before:.2f} -> {after:.2f}"
        delays = sorted(one for one in found.delays if one is not None)
        late = f"{delays[int(len(delays) * 0.95)]:.1f}" if delays else "-"
        median = f"{found.median_delay:.1f}" if found.delays else "-"
        sys.stdout.write(f"| {name} | {found.false_alarms:.1%} | {len(delays)} of {len(found.delays)} | {median} | {late} |\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
