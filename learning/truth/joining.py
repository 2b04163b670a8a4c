"""Joins what plants told with what the fleet decided, a day of a sensor at a time. Repetition changes nothing."""

from contracts.truth import TruthDay, TruthJoins
from learning.truth.join import join

TOLERANCE_S = 30.0
"""How far the plant's time of an item may be from the camera's."""
MARGIN_S = 2.0
"""Two predictions that are nearly as near as this leave a label ambiguous, if they are of different categories."""
AGAIN_AFTER_S = 86_400.0
"""A label that found nobody is looked at once a day for a month: a bin may have been without network."""
_DAY_S = 86_400.0
_AT_ONCE = 100
_AROUND = 20
"""So many tolerances around a day are looked at, so that what lies at midnight is joined as anything else."""


class Joining:
    """A round takes some days that have labels to be joined."""

    def __init__(self, truths: TruthJoins, *, tolerance_s: float = TOLERANCE_S, margin_s: float = MARGIN_S) -> None:
        """Join within `tolerance_s`; `margin_s` decides what is ambiguous."""
        self._truths, self._tolerance_s, self._margin_s = truths, tolerance_s, margin_s

    def take_one(self) -> int:
        """Join up to a hundred days; returns how many. Raises LedgerUnavailable, and may be repeated."""
        days = self._truths.to_join(_AT_ONCE, AGAIN_AFTER_S)
        for day in days:
            self.join_day(day)
        return len(days)

    def join_day(self, day: TruthDay) -> int:
        """Join one day; return how many labels changed."""
        seen, told = self._truths.read(day, self._tolerance_s * _AROUND)
        own = {label.truth_id for label in told if _day_of(label.at) == _first_day(day)}
        found = join(seen, told, tolerance_s=self._tolerance_s, margin_s=self._margin_s)
        return self._truths.write(day, [one for one in found if one.truth_id in own])


def _day_of(at: float) -> int:
    return int(at // _DAY_S)


def _first_day(day: TruthDay) -> int:
    return day.day.toordinal() - 719_163  # of 1970-01-01
