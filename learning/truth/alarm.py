"""Whether accuracy has fallen under its baseline, by a rule that may be looked at as often as one likes. Pure.

Each day begins an e-process, the likelihood ratio of a mixture of accuracies below the baseline against the baseline itself:
while the accuracy is at least the baseline, it is a supermartingale that begins at 1 however often it is looked at (Ramdas,
Grunwald, Vovk and Shafer, "Game-theoretic statistics and safe anytime-valid inference", 2023). The sum over the days of the window
is an e-detector (Shin, Ramdas and Rinaldo, "E-detectors", 2024): within T days at or above the baseline it reaches c with
a probability of at most T/c, and in the mean it takes c days to do so.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

BASELINE = 0.85
WINDOW_DAYS = 7
DAYS_BETWEEN_FALSE_ALARMS = 1800.0
"""At an accuracy that equals the baseline: at most 5 % of 90 days see a false alarm. Above it there are fewer still."""
FEWEST_LABELS = 100
_BELOW = (0.02, 0.05, 0.1, 0.2, 0.35)
"""How far below the baseline the mixture's accuracies lie."""


@dataclass(frozen=True, slots=True)
class Day:
    """Labels of a random sample of one day's predictions: how many were right, and how many wrong."""

    day: date
    right: int
    wrong: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks against the baseline within the window that ends with the last day.

    `strength` is the e-detector's value, in days of patience: it fires at DAYS_BETWEEN_FALSE_ALARMS. `since` is the day from
    which most of it comes.
    """

    labels: int
    accuracy: float
    strength: float
    since: date | None

    @property
    def fires(self) -> bool:
        """Whether that is an alarm."""
        return self.labels >= FEWEST_LABELS and self.strength >= DAYS_BETWEEN_FALSE_ALARMS

    def over(self, baseline: float) -> bool:
        """Return whether an alarm has ended: nothing speaks for it any more, and enough labels speak for the baseline."""
        return self.labels >= FEWEST_LABELS and self.strength < WINDOW_DAYS and self.accuracy >= baseline


def weigh(days: Sequence[Day], today: date, *, baseline: float = BASELINE, window_days: int = WINDOW_DAYS) -> Evidence:
    """Return the evidence of the window of `window_days` that ends with `today`; `baseline` in (0, 1)."""
    begins = today - timedelta(days=window_days - 1)
    inside = sorted((one for one in days if begins <= one.day <= today), key=lambda one: one.day, reverse=True)
    right = wrong = 0
    strength, strongest, since = 0.0, 0.0, None
    for one in inside:  # from the last day back: what began earlier has seen all that came later
        right, wrong = right + one.right, wrong + one.wrong
        value = _against(right, wrong, baseline)
        strength += value
        if value > strongest:
            strongest, since = value, one.day
    labels = right + wrong
    return Evidence(labels, right / labels if labels else math.nan, strength, since)


def _against(right: int, wrong: int, baseline: float) -> float:
    """Return the likelihood of the labels under the mixture below `baseline`, by that under `baseline`."""
    lower = [baseline - step for step in _BELOW if baseline - step > 0] or [baseline / 2]
    logs = [right * math.log(one / baseline) + wrong * math.log((1 - one) / (1 - baseline)) for one in lower]
    # A float ends at e**709; by then nobody doubts it.
    return sum(math.exp(min(log, 700.0)) for log in logs) / len(logs)
